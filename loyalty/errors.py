"""Every refusal that a verb can give, as five kinds.

    Refusal
    ├── NotFound      no such thing, or not yours, which is the same to you
    ├── Forbidden     you may not
    ├── Invalid       the input breaks a rule; names the field
    ├── Conflict      the state of things stands against it
    └── Unavailable   not now; trying again is safe

A concrete refusal is a subclass with a stable ``code``, which programs read, and two short Chinese sentences, which
people read: ``title`` says what happened, ``sentence`` what would be right. ``sentence`` may name the data given to the
constructor. Anything that is not a Refusal is a bug.
"""

from typing import ClassVar


class Refusal(Exception):  # noqa: N818 - it says no; it is not a fault
    """A definite no, with data for programs and words for people."""

    code: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, **data: object) -> None:
        super().__init__(self.code)
        self.data = data

    @property
    def detail(self) -> str:
        """What would be right, in one friendly Chinese sentence."""
        return self.sentence.format_map(self.data)


class NotFound(Refusal):
    """There is no such thing, or it is somebody else's."""


class Forbidden(Refusal):
    """The caller is known and may not."""


class Invalid(Refusal):
    """The input breaks a rule. Carries ``field``."""


class Conflict(Refusal):
    """The state of things stands against it; the same request may be right at another time."""


class Unavailable(Refusal):
    """Not now. Nothing is known to have happened; trying again with the same key is safe."""


class DatabaseUnavailable(Unavailable):
    """The database is out of reach, or dropped the connection before it said yes."""

    code = "database_unavailable"
    title = "系统正在恢复"
    sentence = "请过几秒再试一次，您的操作不会重复。"


class Overloaded(Unavailable):
    """A bounded queue is full."""

    code = "overloaded"
    title = "现在人有点多"
    sentence = "请过几秒再试一次，您的操作不会重复。"


class TryAgain(Unavailable):
    """Two requests met in a way that one of them has to be judged anew."""

    code = "try_again"
    title = "刚才没赶上"
    sentence = "请再试一次。"


class IdempotencyKeyReused(Conflict):
    """The key was used before, with other input."""

    code = "idempotency_key_reused"
    title = "这次请求和上次不一样"
    sentence = "同一个 Idempotency-Key 只能重发相同的内容，新的操作请换一个新的键。"
