"""The inbox, and which messages a member may allow."""

from typing import Annotated, cast

import msgspec
from msgspec import Meta

from app.http.endpoints import Call
from app.http.errors import OutOfRange
from app.http.mini.ids import Id, number_of
from app.http.mini.paging import PageQuery
from app.http.payloads import Instant
from loyalty.notices import inbox, messages
from loyalty.notices.inbox import SeenNotice
from loyalty.notices.rules import Template


class NoticesQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Where to go on, and whether only what the member has not read."""

    unread: bool = False


class About(msgspec.Struct, frozen=True):
    """What a notice is about: an ``order`` by its number, or ``points`` by the day on which they end."""

    kind: str
    id: str


class NoticeView(msgspec.Struct, frozen=True):
    """A line of the inbox; one that ``asks`` waits for an answer."""

    id: str
    kind: str
    title: str
    text: str
    asks: bool
    is_read: bool
    about: About
    at: Instant


class Notices(msgspec.Struct, frozen=True):
    """Lines of the inbox, the latest first; ``unread`` counts all of them, up to 100."""

    items: list[NoticeView]
    unread: int
    next_cursor: str | None


class ReadUpTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The latest line that the member has seen: it and all before it are read."""

    up_to_id: Id


class TemplateView(msgspec.Struct, frozen=True):
    """A message that a member may allow: what to ask WeChat for, and how many are allowed so far."""

    template: str
    template_id: str
    title: str
    allowed: Annotated[int, Meta(ge=0)]


class Templates(msgspec.Struct, frozen=True):
    """The messages that there are. One tap of permission is one message; nothing depends on it."""

    items: list[TemplateView]
    next_cursor: str | None = None


async def list_notices(call: Call) -> Notices:
    """Show the inbox."""
    query = cast(NoticesQuery, call.query)
    found = await inbox.of_member(call.principal, query.before_id, query.wanted, unread_only=query.unread)
    shown, cursor = query.page(found.items)
    return Notices([_view(one) for one in shown], found.unread, cursor)


def _view(one: SeenNotice) -> NoticeView:
    about = About(one.about_kind, one.about_id)
    return NoticeView(str(one.id), one.kind, one.title, one.text, one.asks, one.is_read, about, one.at)


async def read_notices(call: Call) -> None:
    """Note how far a member has read."""
    try:
        up_to_id = number_of(cast(ReadUpTo, call.body).up_to_id)
    except ValueError:
        raise OutOfRange(field="up_to_id", expected="消息列表里的 id") from None
    await inbox.mark_read(call.principal, up_to_id)


async def list_templates(call: Call) -> Templates:
    """Tell which messages a member may allow."""
    known = cast(dict[Template, str], call.resources.settings.message_templates)
    found = await messages.allowances(call.principal, known)
    return Templates([TemplateView(one.template, one.template_id, one.title, one.credits) for one in found])
