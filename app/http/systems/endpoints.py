"""The calls of /systems/v1."""

from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from app.http import payloads
from app.http.doors import SystemDoor
from app.http.endpoints import Call, Endpoint, Group, Reply
from app.http.errors import JsonInvalid, OutOfRange, WrongType
from app.http.limits import Limit
from app.http.payloads import Instant
from loyalty.customers import binding_codes, outlets
from loyalty.customers.errors import OutletClosed, OutletUnknown
from loyalty.customers.outlet_rows import Code, OutletRow
from loyalty.customers.outlets import Applied, RejectedRow
from loyalty.customers.rules import Medium, Role
from loyalty.errors import DatabaseUnavailable, TryAgain
from loyalty.events.rules import FEEDS
from loyalty.feeds import feeds
from loyalty.feeds.feeds import FeedUnknown

ROWS_MAX = 5_000
BODY_BYTES_MAX = 8 * 1024 * 1024
POSITION_MAX = 2**63 - 1
SOURCE = "leketong"

Position = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,18})$", description="十进制位置，0 是起点")]


SentRow = Annotated[
    msgspec.Raw,
    # Any object may be sent; one that is no OutletRow is rejected by itself.
    Meta(extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/OutletRow"}, {"type": "object"}]}),
]


class OutletRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Outlets to put, each row an OutletRow; a row that does not fit is answered in ``rejected``."""

    outlets: Annotated[
        list[SentRow],
        Meta(
            max_length=ROWS_MAX,
            extra_json_schema={"examples": [[{"code": "620001", "name": "向阳便利店", "plant_code": "P01"}]]},
        ),
    ]


class NewBindingCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which outlet a binding code is for."""

    outlet_code: Annotated[Code, Meta(examples=["620001"])]
    role: Role | None = None
    medium: Medium = "card"


class IssuedBindingCode(msgspec.Struct, frozen=True):
    """A binding code, its token shown this once; the token is the mini-program code's scene."""

    token: str
    scene: str
    expires_at: Instant


class FeedQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to read on in a feed."""

    after: Position = "0"
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class CloudEvent(msgspec.Struct, frozen=True):
    """An event as CloudEvents 1.0, with its place in the feed as the extension ``position``."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: Instant
    datacontenttype: str
    position: str
    data: dict[str, Any]


class FeedPage(msgspec.Struct, frozen=True):
    """Events in order of position. Ask on with ``next_cursor`` as ``after``."""

    events: list[CloudEvent]
    next_cursor: str
    has_more: bool


async def put_outlets(call: Call) -> Applied:
    """Take rows apart one by one, so that a bad one does not hold up the others."""
    rows: list[tuple[int, OutletRow]] = []
    rejected: list[RejectedRow] = []
    for number, raw in enumerate(cast(OutletRows, call.body).outlets):
        if not bytes(raw).lstrip().startswith(b"{"):
            raise WrongType(field=f"outlets[{number}]", expected="对象")
        try:
            rows.append((number, _ROW.decode(raw)))
        except msgspec.ValidationError as fault:
            code, field, _ = payloads.fault_of(fault)
            rejected.append(RejectedRow(number, field, code))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # A raw row was only skipped over, its text not read, when the body was.
            raise JsonInvalid from None
    applied = await outlets.put(rows, f"system:{call.principal.name}", call.at, call.resources.data_keys)
    every = sorted([*applied.rejected, *rejected], key=lambda one: one.row)
    return msgspec.structs.replace(applied, rejected=every)


_ROW = msgspec.json.Decoder(OutletRow)


async def issue_binding_code(call: Call) -> Reply:
    """Give a one-time token for an outlet."""
    wanted = cast(NewBindingCode, call.body)
    made_by = f"system:{call.principal.name}"
    issued = await binding_codes.issue(wanted.outlet_code, wanted.role, wanted.medium, made_by, call.at)
    return Reply(IssuedBindingCode(issued.token, issued.token, issued.expires_at), 201)


async def read_feed(call: Call) -> FeedPage:
    """Read a page of a feed."""
    query = cast(FeedQuery, call.query)
    after = int(query.after)
    if after > POSITION_MAX:
        raise OutOfRange(field="after", expected=f"不大于 {POSITION_MAX}")
    page = await feeds.page(call.params["feed"], after, query.limit)
    return FeedPage(
        [
            CloudEvent(
                "1.0",
                event.event_id,
                SOURCE,
                f"leketong.{event.type}",
                event.subject,
                event.occurred_at,
                "application/json",
                str(event.position),
                event.data,
            )
            for event in page.events
        ],
        str(page.next_after),
        page.has_more,
    )


SYSTEMS = Group(
    "systems",
    "/systems/v1",
    SystemDoor(),
    (
        Endpoint(
            "PUT",
            "/outlets",
            "写入门店主数据，逐行应用",
            put_outlets,
            Applied,
            body=OutletRows,
            rows=OutletRow,
            scope="outlets",
            limit=Limit("master-data", 120, 60),
            body_bytes_max=BODY_BYTES_MAX,
            refusals=(TryAgain,),
        ),
        Endpoint(
            "POST",
            "/binding-codes",
            "为门店生成一次性绑定码",
            issue_binding_code,
            IssuedBindingCode,
            statuses=(201,),
            body=NewBindingCode,
            scope="bindings",
            limit=Limit("binding-codes", 600, 60),
            body_bytes_max=BODY_BYTES_MAX,
            refusals=(OutletUnknown, OutletClosed),
        ),
        Endpoint(
            "GET",
            "/feeds/{feed}",
            "按位置读取事件流（CloudEvents 1.0）",
            read_feed,
            FeedPage,
            choices={"feed": tuple(FEEDS)},
            query=FeedQuery,
            scope="feeds",
            limit=Limit("feeds", 1200, 60),
            refusals=(FeedUnknown, DatabaseUnavailable),
        ),
    ),
)
