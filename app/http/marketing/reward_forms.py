"""A reward as a form: fields made from its type's terms, and what was typed read back into a plan."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.http.console import typed
from app.http.console.components import Field, Form, Option, reason_field
from app.http.console.pages import Visit
from app.http.console.paths import ChoiceInvalid, chosen_id
from loyalty.rewards import catalogue
from loyalty.rewards.catalogue import RewardPlan
from loyalty.rewards.errors import RewardInvalid
from loyalty.rewards.rules import Reward
from loyalty.rewards.types import registry
from loyalty.rewards.types.base import RewardType
from loyalty.units import yuan

NEW_DAYS = 90
DAYS_VALID = 30
TERM_LENGTH_MAX = 40


def form_of(
    action: str,
    kind: RewardType[Any],
    one: Reward | None,
    units: int | None,
    plants: tuple[Option, ...],
    campaigns: Sequence[Option],
    at: datetime,
) -> Form:
    """Give the form of a reward, filled with what is known."""
    terms = None if one is None else registry.terms_of(one.type, one.terms)
    span = (at, at + timedelta(days=NEW_DAYS)) if one is None else (one.from_at, one.until_at)

    def kept(name: str) -> str:
        value = None if one is None else getattr(one, name)
        return "" if value is None else str(value)

    shop = (
        (
            Field("cost_points", "兑换需要积分", value=kept("cost_points"), hint="留空就不在商城里，只能赠送。"),
            Field("units", "一共多少份", value="" if units is None else str(units), hint="不限量就留空。"),
            Field("outlet_max", "每家店限兑", value=kept("outlet_max"), hint="不限就留空。"),
            Field("outlet_month_max", "每家店每月限兑", value=kept("outlet_month_max"), hint="不限就留空。"),
        )
        if kind.is_entitlement
        else (
            Field(
                "campaign_id", "从哪个活动的预算里出", "select", value=kept("campaign_id"),
                options=(("", "不占预算"), *campaigns),
            ),
        )
    )  # fmt: skip
    return Form(
        action,
        (
            Field("type", "", kind="hidden", value=kind.code),
            Field("version", "", kind="hidden", value="0" if one is None else str(one.version)),
            Field("name", "名称", value=kept("name"), required=True, length_max=catalogue.NAME_LENGTH_MAX),
            Field(
                "description", "说明", "textarea", value=kept("description"),
                length_max=catalogue.DESCRIPTION_LENGTH_MAX,
            ),
            *_term_fields(kind, terms),
            Field(
                "cost_fen", "一份的成本（元）", value="" if one is None else yuan(one.cost_fen), required=True,
                hint="只给同事看，用来算花了多少。",
            ),
            *shop,
            Field("from_at", "开始", "datetime", value=typed.local(span[0]), required=True),
            Field("until_at", "结束", "datetime", value=typed.local(span[1]), required=True),
            Field(
                "days_valid", "得到后几天内有效", value=str(DAYS_VALID if one is None else one.days_valid),
                required=True,
            ),
            Field(
                "plants", "只给这些工厂", "checks", options=plants, values=() if one is None else one.plants,
                hint="都不选就是全部。",
            ),
            Field(
                "value_classes", "只给这些价值级", value="" if one is None else "，".join(one.value_classes),
                hint="用逗号隔开，比如 A，B。",
            ),
            Field("tags", "只给这些标签", value="" if one is None else "，".join(one.tags), hint="用逗号隔开。"),
            reason_field(),
        ),
        "保存",
        cancel_href="/marketing/rewards",
        id="reward",
    )  # fmt: skip


def _term_fields(kind: RewardType[Any], terms: Any) -> tuple[Field, ...]:
    found = []
    for one in msgspec.structs.fields(kind.terms_type):
        value = getattr(terms, one.name) if terms is not None else one.default
        known = "" if value is msgspec.NODEFAULT else yuan(value) if one.name.endswith("_fen") else str(value)
        found.append(
            Field(
                one.name, kind.words[one.name], value=known, required=one.default is msgspec.NODEFAULT,
                length_max=TERM_LENGTH_MAX,
            )
        )  # fmt: skip
    return tuple(found)


def plants_of(form: Form) -> set[str]:
    """Give the plants that a form lets choose from."""
    return {code for field in form.fields if field.name == "plants" for code, _ in field.options}


def plan_of(visit: Visit, kind: RewardType[Any], picture_id: str | None, plants: Collection[str]) -> RewardPlan:
    """Read a plan from what was typed; ``plants`` are those there are.

    Raises TypedInvalid, RewardInvalid, ChoiceInvalid, DayInvalid, naming the field.
    """
    chosen = tuple(dict.fromkeys(visit.form.get("plants", ())))
    if not set(chosen) <= set(plants):
        raise ChoiceInvalid(field="plants")
    campaign = "" if kind.is_entitlement else visit.field("campaign_id")
    return RewardPlan(
        type=kind.code,
        name=visit.field("name"),
        description=visit.field("description"),
        terms=_terms(visit, kind),
        cost_points=typed.number(visit.field("cost_points"), "cost_points"),
        cost_fen=typed.fen(visit.field("cost_fen"), "cost_fen"),
        units=typed.number(visit.field("units"), "units"),
        from_at=typed.instant(visit.field("from_at"), "from_at"),
        until_at=typed.instant(visit.field("until_at"), "until_at"),
        days_valid=typed.number(visit.field("days_valid"), "days_valid") or 0,
        picture_id=picture_id,
        campaign_id=chosen_id(campaign, "campaign_id") if campaign else None,
        outlet_max=typed.number(visit.field("outlet_max"), "outlet_max"),
        outlet_month_max=typed.number(visit.field("outlet_month_max"), "outlet_month_max"),
        plants=chosen,
        value_classes=typed.listed(visit.field("value_classes")),
        tags=typed.listed(visit.field("tags")),
    )


def _terms(visit: Visit, kind: RewardType[Any]) -> msgspec.Struct:
    given: dict[str, Any] = {}
    for one in msgspec.structs.fields(kind.terms_type):
        text = visit.field(one.name)
        if one.name.endswith("_fen"):
            given[one.name] = typed.fen(text or "0", one.name)
        elif isinstance(one.default, int) or "int" in str(one.type):
            number = typed.number(text, one.name)
            given[one.name] = 0 if number is None else number
        else:
            given[one.name] = text
        try:
            msgspec.convert({one.name: given[one.name]}, msgspec.defstruct("One", [(one.name, one.type)]))
        except msgspec.ValidationError:
            raise RewardInvalid(field=one.name, expected=f"“{kind.words[one.name]}”太大、太小或没填") from None
    terms: msgspec.Struct = msgspec.convert(given, kind.terms_type)
    return terms
