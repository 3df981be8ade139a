"""The calls of /sfa/v1: the SFA on behalf of one of its reps, who reaches only their own outlets."""

from datetime import datetime
from typing import Annotated, cast

import msgspec
from msgspec import Meta
from sanic import Request

from app.http.console import forms
from app.http.doors import bearer
from app.http.endpoints import Call, Context, Endpoint, Group, Reply, caller_address
from app.http.errors import HttpRefusal, TokenMissing
from app.http.key_sets import SfaKeysUnavailable
from app.http.limits import Limit
from app.http.orders import OrderView, OutletOrder, outlet_order, view_of
from app.http.payloads import Instant
from app.http.sfa_tokens import SfaTokenExpired, SfaTokenInvalid
from loyalty import transactions
from loyalty.customers import binding_codes
from loyalty.customers.care import outlets
from loyalty.customers.errors import OutletClosed, OutletUnknown
from loyalty.customers.rules import Medium, Role
from loyalty.errors import DatabaseUnavailable, Forbidden, Refusal
from loyalty.ordering.errors import OrderUnknown
from loyalty.ordering.history import orders
from loyalty.organisation.audit import Actor
from loyalty.staff import people
from loyalty.staff.people import Staff
from loyalty.staff.rules import Role as StaffRole

VISITING: tuple[StaffRole, ...] = ("rep", "supervisor")
GUESSES = Limit("wrong-sfa-tokens", 30, 60)


class RepUnknown(Forbidden):
    """The token is right, and names nobody who is here as a rep or supervisor now."""

    code = "rep_unknown"
    title = "这位业务员还没开通"
    sentence = "请管理员确认工号，并授予“业务员”或“业务主管”角色。"


class SfaDoor:
    """Asks for the SFA's token, and for a live role of whom it names at this very instant."""

    scheme: str | None = "sfaToken"
    refusals: tuple[type[Refusal] | type[HttpRefusal], ...] = (
        TokenMissing,
        SfaTokenInvalid,
        SfaTokenExpired,
        SfaKeysUnavailable,
        RepUnknown,
        DatabaseUnavailable,
    )

    async def __call__(self, request: Request, context: Context, _endpoint: Endpoint, at: datetime) -> Staff:
        """Read the token and find the rep."""
        token = bearer(request)
        if token is None:
            raise TokenMissing
        address = caller_address(request, context)
        try:
            claims = await context.sfa_tokens.read(token, at)
        except (SfaTokenInvalid, SfaTokenExpired):
            await _note(request, context, address, at)
            raise
        staff = await people.by_code(claims.staff_code, at)
        if staff is None or not staff.roles & set(VISITING):
            await _note(request, context, claims.staff_code, at)
            raise RepUnknown
        return staff


async def _note(request: Request, context: Context, who: str, at: datetime) -> None:
    context.limits.take(GUESSES, who)
    await forms.note_refusal(request, context, Actor("nobody", who, ""), "sfa_token.refused", at)


class WantedCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the binding code is for."""

    role: Role | None = None
    medium: Medium = "screen"


class RepBindingCode(msgspec.Struct, frozen=True):
    """A binding code, its token shown this once; the token is the mini-program code's scene."""

    token: str
    scene: str
    expires_at: Instant


async def issue_binding_code(call: Call) -> Reply:
    """Give a one-time token for one of the rep's own outlets."""
    staff, wanted = cast(Staff, call.principal), cast(WantedCode, call.body)
    card = await outlets.read(call.params["code"], staff.reach(VISITING), call.resources.data_keys, call.at)
    issued = await binding_codes.issue(card.code, wanted.role, wanted.medium, staff.actor.text, call.at, staff.name)
    return Reply(RepBindingCode(issued.token, issued.token, issued.expires_at), 201)


class RepOrders(msgspec.Struct, frozen=True):
    """Orders of the rep's own outlets, the latest first."""

    items: list[OutletOrder]
    next_cursor: str | None


class RepOrdersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to go on, how many at most, and of which outlet if of one."""

    cursor: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,17}$")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    outlet_code: Annotated[str, Meta(max_length=32)] = ""


async def list_orders(call: Call) -> RepOrders:
    """Show orders of the rep's own outlets, the moment they are placed."""
    staff, query = cast(Staff, call.principal), cast(RepOrdersQuery, call.query)
    before_id = None if query.cursor is None else int(query.cursor)
    async with transactions.reader():
        found = await orders.find(
            staff.reach(VISITING), query.outlet_code, "", "", "-placed", 0, query.limit + 1, call.at, before_id
        )
    shown = found[: query.limit]
    cursor = str(shown[-1].id) if len(found) > query.limit else None
    return RepOrders([outlet_order(one) for one in shown], cursor)


async def show_order(call: Call) -> OrderView:
    """Show an order of one of the rep's own outlets."""
    staff = cast(Staff, call.principal)
    async with transactions.reader():
        whole = await orders.read_for_staff(call.params["number"], staff.reach(VISITING), call.at)
    return view_of(whole, call.at)


SFA = Group(
    "sfa",
    "/sfa/v1",
    SfaDoor(),
    (
        Endpoint(
            "POST",
            "/outlets/{code}/binding-codes",
            "业务员为自己的门店生成绑定码",
            issue_binding_code,
            RepBindingCode,
            statuses=(201,),
            body=WantedCode,
            limit=Limit("rep-binding-codes", 60, 60),
            refusals=(OutletUnknown, OutletClosed),
        ),
        Endpoint(
            "GET",
            "/orders",
            "业务员名下门店的订单",
            list_orders,
            RepOrders,
            query=RepOrdersQuery,
        ),
        Endpoint(
            "GET",
            "/orders/{number}",
            "业务员名下门店的一个订单",
            show_order,
            OrderView,
            refusals=(OrderUnknown,),
        ),
    ),
)
