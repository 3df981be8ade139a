"""What a rule book is: a typed body, what holds while nobody has said anything, and worked examples."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

Body = TypeVar("Body", bound=msgspec.Struct)
BUILT_IN = "built_in"


class Example(msgspec.Struct, frozen=True):
    """What a body gives in one case that people know."""

    case: str
    result: str


class Version(msgspec.Struct, Generic[Body], frozen=True):
    """What holds on a day: a version's id, None for the built-in one, and its body."""

    id: int | None
    body: Body


class RuleBook(msgspec.Struct, Generic[Body], frozen=True):
    """A rule book. Its ``code`` names it in entries as ``code:version``."""

    code: str
    title: str
    sentence: str
    body_type: type[Body]
    built_in: Body
    examples: Callable[[Body], list[Example]]
    fault: Callable[[Body], tuple[str, str] | None]
    """Gives the field that breaks a rule that no type can say, and what would be right; None when all is well."""
    words: dict[str, str]
    """Field → what people call it."""

    def name(self, version_id: int | None) -> str:
        """Name a version as entries keep it."""
        return f"{self.code}:{version_id or BUILT_IN}"

    def version(self, version_id: int | None, body: str | None) -> Version[Body]:
        """Give a version from its id and its body as JSON; the built-in one without an id."""
        if version_id is None or body is None:
            return Version(None, self.built_in)
        return Version(version_id, _decoded(body, self.body_type))


@lru_cache(maxsize=256)
def _decoded(body: str, body_type: type[Any]) -> Any:
    return msgspec.json.decode(body, type=body_type, strict=False)
