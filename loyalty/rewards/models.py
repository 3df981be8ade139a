"""Tables of the rewards module."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

from loyalty.pictures.models import Picture


class Reward(Model):
    """Something in the catalogue that points buy, or that a game or staff may grant."""

    id = fields.BigIntField(primary_key=True)
    type = fields.TextField()
    name = fields.TextField()
    description = fields.TextField()
    picture: fields.ForeignKeyNullableRelation[Picture] = fields.ForeignKeyField(
        "leketong.Picture", related_name="rewards", on_delete=fields.RESTRICT, null=True
    )
    terms = fields.JSONField[dict[str, object]]()
    """What its type asks for, such as what a coupon takes off."""
    cost_points = fields.BigIntField(null=True)
    """What it costs in the shop; null for one that is only granted."""
    cost_fen = fields.BigIntField()
    """What one of it costs the bottler."""
    allotment_id = fields.BigIntField(null=True)
    """Null for as many as are wanted."""
    campaign_id = fields.BigIntField(null=True)
    outlet_max = fields.IntField(null=True)
    outlet_month_max = fields.IntField(null=True)
    plants: fields.Field[list[str]] = ArrayField(element_type="text")
    value_classes: fields.Field[list[str]] = ArrayField(element_type="text")
    tags: fields.Field[list[str]] = ArrayField(element_type="text")
    from_at = fields.DatetimeField()
    until_at = fields.DatetimeField()
    days_valid = fields.IntField()
    """Business dates that an entitlement lives, the day it is granted included."""
    state = fields.TextField()
    version = fields.IntField(db_default=1)
    made_by = fields.TextField()
    made_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "rewards"
        constraints = (
            CheckConstraint(check="type IN ('points', 'coupon', 'gift', 'price')", name="rewards_type"),
            CheckConstraint(check="state IN ('draft', 'live', 'paused', 'ended')", name="rewards_state"),
            CheckConstraint(
                check="cost_points > 0 AND outlet_max > 0 AND outlet_month_max > 0", name="rewards_limits_positive"
            ),
            CheckConstraint(check="cost_fen >= 0 AND days_valid BETWEEN 1 AND 366", name="rewards_cost_and_life"),
            CheckConstraint(check="until_at > from_at", name="rewards_end_after_start"),
            CheckConstraint(check="type <> 'points' OR cost_points IS NULL", name="rewards_points_are_not_sold"),
        )


class RedemptionRow(Model):
    """Points that a member has turned into a reward."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    member_id = fields.BigIntField()
    reward_id = fields.BigIntField()
    cost_points = fields.BigIntField()
    idempotency_key = fields.TextField()
    input_hash = fields.BinaryField()
    at = fields.DatetimeField()
    cancelled_at = fields.DatetimeField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "redemptions"
        indexes = (
            Index(fields=("outlet_id", "reward_id"), name="redemptions_by_outlet"),
            Index(fields=("reward_id", "at"), name="redemptions_by_reward"),
        )
        constraints = (
            UniqueConstraint(fields=("member_id", "idempotency_key"), name="redemptions_idempotency"),
            CheckConstraint(check="cost_points > 0", name="redemptions_cost_positive"),
        )


class Entitlement(Model):
    """A right to a coupon, a gift or a price that an outlet holds, from its grant until it is used or lapses."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    member_id = fields.BigIntField(null=True)
    reward_id = fields.BigIntField(null=True)
    type = fields.TextField()
    name = fields.TextField()
    terms = fields.JSONField[dict[str, object]]()
    """As they were promised: a later change of the reward changes nothing here."""
    allotment_id = fields.BigIntField(null=True)
    source_kind = fields.TextField()
    source_id = fields.TextField()
    state = fields.TextField()
    granted_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    held_by = fields.TextField(null=True)
    """What holds it, such as ``order:SO1``."""
    held_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "entitlements"
        indexes = (Index(fields=("outlet_id", "id"), name="entitlements_by_outlet"),)
        constraints = (
            UniqueConstraint(fields=("source_id", "source_kind"), name="entitlements_granted_once"),
            CheckConstraint(check="type IN ('coupon', 'gift', 'price')", name="entitlements_type"),
            CheckConstraint(
                check="state IN ('free', 'held', 'redeemed', 'lapsed', 'cancelled')", name="entitlements_state"
            ),
            CheckConstraint(
                check="(state IN ('held', 'redeemed')) = (held_by IS NOT NULL)"
                " AND (held_by IS NULL) = (held_at IS NULL)",
                name="entitlements_held_whole",
            ),
            CheckConstraint(
                check="(state IN ('redeemed', 'lapsed', 'cancelled')) = (ended_at IS NOT NULL)",
                name="entitlements_end_whole",
            ),
            CheckConstraint(check="expires_at > granted_at", name="entitlements_live"),
        )
