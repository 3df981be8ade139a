"""Binding codes: one-time tokens that carry an outlet to whoever scans them."""

from datetime import datetime

import msgspec

from loyalty import transactions
from loyalty.customers import rules, standings
from loyalty.customers.errors import (
    BindingCodeExpired,
    BindingCodeUnknown,
    BindingCodeUsed,
    OutletClosed,
    OutletUnknown,
)
from loyalty.customers.models import BindingCode, Outlet
from loyalty.customers.rules import Medium, Role
from loyalty.customers.standings import MemberRef


class IssuedCode(msgspec.Struct, frozen=True):
    """A new token, shown this once, and until when it binds."""

    token: str
    expires_at: datetime


class ShownCode(msgspec.Struct, frozen=True):
    """What a token stands for, shown before consenting."""

    outlet_name: str
    rep_name: str | None
    expires_at: datetime


async def issue(
    outlet_code: str, role: Role | None, medium: Medium, made_by: str, at: datetime, rep_name: str | None = None
) -> IssuedCode:
    """Make a token for an outlet; only its hash is kept. Entry verb.

    ``made_by`` names the principal. Raises OutletUnknown, OutletClosed.
    """
    token = rules.new_token()
    expires_at = at + rules.TOKEN_LIFE[medium]
    async with transactions.begin():
        outlet = await Outlet.get_or_none(code=outlet_code)
        if outlet is None:
            raise OutletUnknown(field="outlet_code")
        if outlet.status != "open":
            raise OutletClosed(field="outlet_code")
        await BindingCode.create(
            token_hash=rules.token_hash(token),
            outlet=outlet,
            role=role,
            medium=medium,
            made_by=made_by,
            rep_name=rep_name,
            created_at=at,
            expires_at=expires_at,
        )
    return IssuedCode(token, expires_at)


async def find(token: str, at: datetime) -> BindingCode:
    """Find a token that still binds, with its outlet. Needs a reader or a transaction.

    Raises BindingCodeUnknown, BindingCodeUsed, BindingCodeExpired.
    """
    code = await BindingCode.get_or_none(token_hash=rules.token_hash(token)).prefetch_related("outlet")
    if code is None or code.revoked_at is not None:
        raise BindingCodeUnknown
    if code.used_at is not None:
        raise BindingCodeUsed
    if code.expires_at <= at:
        raise BindingCodeExpired
    return code


async def show(member: MemberRef, token: str, at: datetime) -> ShownCode:
    """Tell a logged-in member what a token stands for. Raises SessionEnded and what ``find`` raises."""
    async with transactions.begin():
        await standings.require_session(member)
        code = await find(token, at)
        return ShownCode(code.outlet.name, code.rep_name, code.expires_at)
