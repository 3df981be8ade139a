"""Tables of the ordering module."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Quote(Model):
    """What an order would cost, told to a member and honoured for some minutes. Deleted days after it has ended."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    member_id = fields.BigIntField()
    payment = fields.TextField()
    deliver_on = fields.DateField()
    body: fields.Field[object] = fields.JSONField()
    """Lines with their prices, coupon, gifts, days of delivery, and what stood against it."""
    total_fen = fields.BigIntField()
    quoted_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    idempotency_key = fields.TextField()
    input_hash = fields.BinaryField()

    class Meta:
        """Names of the table and its rules."""

        table = "quotes"
        indexes = (Index(fields=("expires_at",), name="quotes_by_end"),)
        constraints = (
            UniqueConstraint(fields=("member_id", "idempotency_key"), name="quotes_idempotency"),
            CheckConstraint(check="payment IN ('cash', 'account')", name="quotes_payment"),
            CheckConstraint(check="total_fen >= 0", name="quotes_total_not_negative"),
            CheckConstraint(check="expires_at > quoted_at", name="quotes_end_after_start"),
        )


class Order(Model):
    """What an outlet has ordered, as it was placed, and how far it has come."""

    id = fields.BigIntField(primary_key=True)
    number = fields.TextField()
    """What people and the order hub call it by."""
    outlet_id = fields.BigIntField()
    member_id = fields.BigIntField()
    quote_id = fields.BigIntField(null=True)
    """None for an order that follows a shortage. The quote itself is deleted days later."""
    joins_id = fields.BigIntField(null=True)
    """The order on the same truck that it adds to."""
    follows_shortage_id = fields.BigIntField(null=True)
    """The shortage of another order that it makes good."""
    status = fields.TextField()
    payment = fields.TextField()
    deliver_on = fields.DateField()
    cut_off_at = fields.DatetimeField()
    """From then on the truck is being loaded: the member can no longer take it back."""
    eta_on = fields.DateField(null=True)
    invoice: fields.Field[object] = fields.JSONField(null=True)
    note = fields.TextField()
    coupon_id = fields.BigIntField(null=True)
    gifts: fields.Field[object] = fields.JSONField()
    """Entitlements to gifts that come with it: id, name, and what the hub has to load."""
    goods_fen = fields.BigIntField()
    discount_fen = fields.BigIntField()
    deposit_fen = fields.BigIntField()
    total_fen = fields.BigIntField()
    """Goods less discount plus deposit, as it was placed."""
    due_fen = fields.BigIntField()
    """The total of what comes, or has come and stayed."""
    idempotency_key = fields.TextField()
    input_hash = fields.BinaryField()
    placed_at = fields.DatetimeField()
    confirmed_at = fields.DatetimeField(null=True)
    shipped_at = fields.DatetimeField(null=True)
    delivered_at = fields.DatetimeField(null=True)
    completed_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    """When it was cancelled or rejected."""
    release_on = fields.DateField(null=True)
    """The business date from which its points arrive: completed, and past the days for returns."""
    released_at = fields.DatetimeField(null=True)
    odd_at = fields.DatetimeField(null=True)
    """When the hub last said what does not go with what is known; staff look at it."""
    seen_at = fields.DatetimeField(null=True)
    """When staff last said that they have seen to what was odd."""

    class Meta:
        """Names of the table and its rules."""

        table = "orders"
        indexes = (Index(fields=("outlet_id", "id"), name="orders_by_outlet"),)
        constraints = (
            UniqueConstraint(fields=("number",), name="orders_number"),
            UniqueConstraint(fields=("quote_id",), name="orders_one_of_a_quote"),
            UniqueConstraint(fields=("follows_shortage_id",), name="orders_one_for_a_shortage"),
            UniqueConstraint(fields=("member_id", "idempotency_key"), name="orders_idempotency"),
            CheckConstraint(
                check="status IN ('placed', 'confirmed', 'shipped', 'delivered', 'completed', 'cancelled', 'rejected')",
                name="orders_status",
            ),
            CheckConstraint(check="payment IN ('cash', 'account')", name="orders_payment"),
            CheckConstraint(
                check="total_fen = goods_fen - discount_fen + deposit_fen AND discount_fen BETWEEN 0 AND goods_fen"
                " AND deposit_fen >= 0 AND due_fen BETWEEN 0 AND total_fen",
                name="orders_money_adds_up",
            ),
            CheckConstraint(
                check="(quote_id IS NULL) = (follows_shortage_id IS NOT NULL)", name="orders_of_a_quote_or_a_shortage"
            ),
            CheckConstraint(
                check="(status IN ('cancelled', 'rejected')) = (ended_at IS NOT NULL)", name="orders_end_whole"
            ),
            CheckConstraint(
                check="(status = 'completed') = (completed_at IS NOT NULL)"
                " AND (completed_at IS NULL) = (release_on IS NULL)"
                " AND (released_at IS NULL OR completed_at IS NOT NULL)",
                name="orders_completed_whole",
            ),
            CheckConstraint(
                check="status IN ('placed', 'cancelled', 'rejected') OR confirmed_at IS NOT NULL",
                name="orders_confirmed_first",
            ),
        )


class OrderLine(Model):
    """A line of an order: as it was placed, and how many of its cases come and have gone back."""

    id = fields.BigIntField(primary_key=True)
    order_id = fields.BigIntField()
    line_number = fields.IntField()
    product_id = fields.BigIntField()
    code = fields.TextField()
    name = fields.TextField()
    category = fields.TextField()
    units_per_case = fields.IntField()
    cases = fields.IntField()
    price_fen = fields.BigIntField()
    special_cases = fields.IntField()
    special_price_fen = fields.BigIntField(null=True)
    entitlement_id = fields.BigIntField(null=True)
    amount_fen = fields.BigIntField()
    deposit_fen = fields.BigIntField()
    """Of all its cases."""
    cases_due = fields.IntField()
    """How many come or have come; it only ever falls."""
    cases_returned = fields.IntField(db_default=0)
    """How many of those have gone back so far; it only ever grows."""

    class Meta:
        """Names of the table and its rules."""

        table = "order_lines"
        constraints = (
            UniqueConstraint(fields=("order_id", "line_number"), name="order_lines_number"),
            CheckConstraint(check="cases > 0 AND cases_due BETWEEN 0 AND cases", name="order_lines_cases"),
            CheckConstraint(check="cases_returned BETWEEN 0 AND cases_due", name="order_lines_returned"),
            CheckConstraint(
                check="special_cases BETWEEN 0 AND cases AND (special_cases = 0 OR special_price_fen IS NOT NULL)",
                name="order_lines_special",
            ),
            CheckConstraint(
                check="price_fen >= 0 AND amount_fen >= 0 AND deposit_fen >= 0 AND deposit_fen % cases = 0",
                name="order_lines_money",
            ),
        )


class OrderStep(Model):
    """Something that was said or done about an order: its timeline. Never changed."""

    id = fields.BigIntField(primary_key=True)
    order_id = fields.BigIntField()
    kind = fields.TextField()
    made_by = fields.TextField()
    """``hub``, ``member:7``, ``staff:s0012`` or ``clock``."""
    at = fields.DatetimeField()
    """When it happened, as who says it says."""
    recorded_at = fields.DatetimeField()
    applied = fields.BooleanField()
    """Whether it changed where the order stands; what came too late or does not fit is kept all the same."""
    body: fields.Field[object] = fields.JSONField()
    progress_id = fields.TextField(null=True)
    member_id = fields.BigIntField(null=True)
    idempotency_key = fields.TextField(null=True)
    input_hash = fields.BinaryField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "order_steps"
        indexes = (Index(fields=("order_id", "id"), name="order_steps_by_order"),)
        constraints = (
            UniqueConstraint(fields=("order_id", "progress_id"), name="order_steps_progress_once"),
            UniqueConstraint(fields=("member_id", "idempotency_key"), name="order_steps_idempotency"),
            CheckConstraint(
                check="(member_id IS NULL) = (idempotency_key IS NULL)", name="order_steps_key_with_member"
            ),
        )


class Shortage(Model):
    """Cases of a line that will not come, told before the truck leaves, and what the member wants instead."""

    id = fields.BigIntField(primary_key=True)
    order_id = fields.BigIntField()
    line_number = fields.IntField()
    cases_short = fields.IntField()
    special_cases = fields.IntField()
    """Of those, how many were at a special price."""
    reason = fields.TextField()
    told_at = fields.DatetimeField()
    state = fields.TextField()
    """``open``, ``substituted``, ``waiting``, ``dropped`` by the member, or ``passed`` when the truck left first."""
    decided_at = fields.DatetimeField(null=True)
    decided_by = fields.BigIntField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "order_shortages"
        indexes = (Index(fields=("order_id", "line_number"), name="order_shortages_by_line"),)
        constraints = (
            UniqueConstraint(
                fields=("order_id", "line_number"), name="order_shortages_one_open", condition="state = 'open'"
            ),
            CheckConstraint(
                check="state IN ('open', 'substituted', 'waiting', 'dropped', 'passed')", name="order_shortages_state"
            ),
            CheckConstraint(
                check="cases_short > 0 AND special_cases BETWEEN 0 AND cases_short", name="order_shortages_cases"
            ),
            CheckConstraint(check="(state = 'open') = (decided_at IS NULL)", name="order_shortages_decided_whole"),
        )
