"""The rewards shop: what points buy, redeeming, and what the outlet holds."""

from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from app.http import payloads
from app.http.endpoints import Call, Reply
from app.http.mini import switching
from app.http.mini.ids import number_of
from app.http.mini.paging import PageQuery
from app.http.payloads import Instant
from app.http.pictures import path_of
from loyalty.rewards import shop
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.entitlements.entitlements import Entitlement
from loyalty.rewards.errors import RewardUnknown
from loyalty.rewards.redemptions import Redemption
from loyalty.rewards.shop import Offer

FEATURE = "rewards"


class RewardView(msgspec.Struct, frozen=True):
    """A reward that points buy, as the member's outlet sees it."""

    id: str
    type: str
    name: str
    description: str
    sentence: str
    """What the outlet gets."""
    picture_url: str | None
    cost_points: int
    from_at: Instant
    until_at: Instant
    days_valid: int
    units_left: int | None
    can_redeem: bool
    code: str | None
    """Why not, as redeeming would refuse it."""
    hint: str | None
    """Why not, in a few words for the member."""


class Rewards(msgspec.Struct, frozen=True):
    """All of them, and what can be spent."""

    items: list[RewardView]
    balance_points: int
    next_cursor: str | None = None


class NewRedemption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the member saw that it costs: it is honoured, or refused with the new cost."""

    cost_points: Annotated[int, Meta(ge=1)] | None = None


class BoughtView(msgspec.Struct, frozen=True, gc=False):
    """What points have bought."""

    id: str
    type: str
    name: str
    sentence: str
    expires_at: Instant


class RedemptionView(msgspec.Struct, frozen=True, gc=False):
    """A redemption that took place."""

    redemption_id: str
    reward_id: str
    cost_points: int
    entitlement: BoughtView
    balance_points: int
    repeated: bool


class EntitlementView(msgspec.Struct, frozen=True):
    """What the outlet holds, or held."""

    id: str
    type: str
    name: str
    sentence: str
    terms: dict[str, Any]
    state: str
    granted_at: Instant
    expires_at: Instant


class Entitlements(msgspec.Struct, frozen=True):
    """Entitlements, the latest first."""

    items: list[EntitlementView]
    next_cursor: str | None


async def list_rewards(call: Call) -> Rewards:
    """Show what points buy."""
    await switching.require(call, FEATURE)
    balance, offers = await shop.offers(call.principal, call.at)
    return Rewards([_reward_view(one) for one in offers], balance)


def _reward_view(one: Offer) -> RewardView:
    reward, refusal = one.reward, one.stands_against
    return RewardView(
        str(reward.id),
        reward.type,
        reward.name,
        reward.description,
        one.sentence,
        None if reward.picture_id is None else path_of(reward.picture_id),
        reward.cost_points or 0,
        reward.from_at,
        reward.until_at,
        reward.days_valid,
        one.units_left,
        refusal is None,
        None if refusal is None else refusal.code,
        None if refusal is None else refusal.title,
    )


async def redeem(call: Call) -> Reply:
    """Turn points into a reward."""
    await switching.require(call, FEATURE)
    try:
        reward_id = number_of(call.params["id"])
    except ValueError:
        raise RewardUnknown from None
    body = cast(NewRedemption, call.body)
    done = await call.resources.redemptions.submit(
        Redemption(
            call.principal,
            call.key,
            payloads.input_hash("redemption", (reward_id, body)),
            reward_id,
            body.cost_points,
            call.at,
        )
    )
    if not done.repeated:
        switching.used(call, FEATURE)
    bought = done.bought
    view = RedemptionView(
        str(done.redemption_id),
        str(done.reward_id),
        done.cost_points,
        BoughtView(str(bought.entitlement_id), bought.type, bought.name, bought.sentence, bought.expires_at),
        done.balance_points,
        done.repeated,
    )
    return Reply(view, 200 if done.repeated else 201)


async def list_entitlements(call: Call) -> Entitlements:
    """Show what the outlet holds, the latest first."""
    query = cast(PageQuery, call.query)
    shown, next_cursor = query.page(await entitlements.of_member(call.principal, query.before_id, query.wanted))
    return Entitlements([_entitlement_view(call, one) for one in shown], next_cursor)


def _entitlement_view(call: Call, one: Entitlement) -> EntitlementView:
    return EntitlementView(
        str(one.id),
        one.type,
        one.name,
        one.sentence,
        msgspec.json.decode(one.terms, type=dict[str, Any]),
        one.state_at(call.at),
        one.granted_at,
        one.expires_at,
    )
