"""Binding codes: a system asks for one, to print or to show it."""

from typing import Annotated, cast

import msgspec
from msgspec import Meta

from app.http.endpoints import Call, Reply
from app.http.payloads import Instant
from loyalty.customers import binding_codes
from loyalty.customers.rules import Medium, Role
from loyalty.rows import Code


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


async def issue_binding_code(call: Call) -> Reply:
    """Give a one-time token for an outlet."""
    wanted = cast(NewBindingCode, call.body)
    made_by = f"system:{call.principal.name}"
    issued = await binding_codes.issue(wanted.outlet_code, wanted.role, wanted.medium, made_by, call.at)
    return Reply(IssuedBindingCode(issued.token, issued.token, issued.expires_at), 201)
