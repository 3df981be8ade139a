"""Lists that go on: a cursor in, the latest items first, a cursor out."""

from collections.abc import Sequence
from typing import Annotated, Protocol, TypeVar

import msgspec
from msgspec import Meta

from app.http.errors import OutOfRange
from app.http.mini.ids import number_of


class Numbered(Protocol):
    """Whatever is listed by its id."""

    @property
    def id(self) -> int:
        """Give the id."""


Item = TypeVar("Item", bound=Numbered)


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to go on, and how many at most."""

    cursor: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20

    @property
    def before_id(self) -> int | None:
        """Give the id that the items come before; None from the start. Raises OutOfRange."""
        if self.cursor is None:
            return None
        try:
            return number_of(self.cursor)
        except ValueError:
            raise OutOfRange(field="cursor", expected="上一页给出的 next_cursor") from None

    @property
    def wanted(self) -> int:
        """Tell how many to read: one more than are shown, to know whether it goes on."""
        return self.limit + 1

    def page(self, found: Sequence[Item]) -> tuple[Sequence[Item], str | None]:
        """Give what is shown of the items that were read, and the cursor of the next page if there is one."""
        shown = found[: self.limit]
        return shown, str(shown[-1].id) if len(found) > self.limit else None
