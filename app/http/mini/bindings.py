"""Binding: what a code stands for, what waits for a member, consenting, and the owner's people."""

from typing import Annotated, cast

import msgspec
from msgspec import Meta

from app.http import payloads
from app.http.endpoints import Call, Reply
from app.http.errors import MissingField, OutOfRange
from app.http.mini import switching
from app.http.mini.ids import Id, number_of
from app.http.payloads import Instant
from loyalty.customers import binding_codes, bindings, texts
from loyalty.customers.errors import MemberUnknown, OfferUnknown
from loyalty.customers.rules import Role


class ShownCodeView(msgspec.Struct, frozen=True):
    """What a code stands for, and what the member consents to by binding."""

    outlet_name: str
    rep_name: str | None
    shared: list[str]
    consent_version: str
    expires_at: Instant


class OfferView(msgspec.Struct, frozen=True):
    """An outlet that waits for the member."""

    id: str
    outlet_name: str
    has_owner: bool
    shared: list[str]
    consent_version: str


class Offers(msgspec.Struct, frozen=True):
    """All of them."""

    items: list[OfferView]
    next_cursor: str | None = None


class NewBinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The member's consent, with the code that they hold or the offer that they take."""

    consent_version: Annotated[str, Meta(min_length=1, max_length=32)]
    token: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    offer_id: Id | None = None


class BoundOutletView(msgspec.Struct, frozen=True):
    """The outlet of a binding."""

    id: str
    code: str
    name: str


class BindingView(msgspec.Struct, frozen=True):
    """A binding."""

    outlet: BoundOutletView
    role: Role
    bound_at: Instant
    repeated: bool


class PersonView(msgspec.Struct, frozen=True):
    """One of the outlet's people."""

    id: str
    role: Role
    bound_at: Instant
    phone_masked: str | None
    is_me: bool


class People(msgspec.Struct, frozen=True):
    """All of them."""

    items: list[PersonView]
    next_cursor: str | None = None


async def show_code(call: Call) -> ShownCodeView:
    """Tell what a code stands for, before consenting."""
    shown = await binding_codes.show(call.principal, call.params["token"], call.at)
    return ShownCodeView(
        shown.outlet_name,
        shown.rep_name,
        list(texts.SHARED_WITH_BOTTLER),
        texts.CONSENT_VERSION,
        shown.expires_at,
    )


async def list_offers(call: Call) -> Offers:
    """List outlets whose master-data phone is the member's verified phone."""
    offered = await bindings.offers(call.principal, call.resources.data_keys)
    seen = await switching.outlets_with(call, "binding_offers", [offer.outlet_id for offer in offered])
    found = [offer for offer in offered if offer.outlet_id in seen]
    if found:
        switching.used(call, "binding_offers")
    return Offers(
        [
            OfferView(
                str(offer.outlet_id),
                offer.outlet_name,
                offer.has_owner,
                list(texts.SHARED_WITH_BOTTLER),
                texts.CONSENT_VERSION,
            )
            for offer in found
        ]
    )


async def bind(call: Call) -> Reply:
    """Bind the member, by their own consent."""
    wanted = cast(NewBinding, call.body)
    if wanted.token is None and wanted.offer_id is None:
        raise MissingField(field="token")
    if wanted.token is not None and wanted.offer_id is not None:
        raise OutOfRange(field="offer_id", expected="空，因为已经给了 token")
    bound = await bindings.bind(
        bindings.Request(
            call.principal,
            call.key,
            payloads.input_hash("bindings", wanted),
            wanted.token,
            _offered(wanted.offer_id),
            wanted.consent_version,
            call.at,
        ),
        call.resources.data_keys,
    )
    view = BindingView(
        BoundOutletView(str(bound.outlet_id), bound.outlet_code, bound.outlet_name),
        bound.role,
        bound.bound_at,
        bound.repeated,
    )
    return Reply(view, 200 if bound.repeated else 201)


def _offered(offer_id: str | None) -> int | None:
    try:
        return None if offer_id is None else number_of(offer_id)
    except ValueError:
        raise OfferUnknown(field="offer_id") from None


async def list_people(call: Call) -> People:
    """List the people of the owner's outlet."""
    found = await bindings.people(call.principal, call.resources.data_keys)
    return People(
        [
            PersonView(str(person.member_id), person.role, person.bound_at, person.phone_masked, person.is_me)
            for person in found
        ]
    )


async def remove_person(call: Call) -> Reply:
    """End the binding of one of the owner's people."""
    try:
        member_id = number_of(call.params["id"])
    except ValueError:
        raise MemberUnknown from None
    await bindings.remove(call.principal, member_id, call.at)
    return Reply(None, 204)
