"""Tables of the campaigns module."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Campaign(Model):
    """Something marketing runs for a while, with caps and a budget of points."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    name = fields.TextField()
    from_at = fields.DatetimeField()
    until_at = fields.DatetimeField()
    budget_points = fields.BigIntField(null=True)
    """All that it may give; null for no end."""
    outlet_points_max = fields.BigIntField(null=True)
    outlet_day_points_max = fields.BigIntField(null=True)
    spent_points = fields.BigIntField(db_default=0)
    """What its ledger entries sum to, pending ones included."""
    warned_at = fields.DatetimeField(null=True)
    """When four fifths of the budget were first given."""
    stopped_at = fields.DatetimeField(null=True)
    """When somebody's points no longer fitted into the budget, or staff stopped it: it gives nothing since."""
    made_by = fields.TextField()
    made_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "campaigns"
        constraints = (
            UniqueConstraint(fields=("code",), name="campaigns_one_code"),
            CheckConstraint(check="until_at > from_at", name="campaigns_end_after_start"),
            CheckConstraint(
                check="spent_points >= 0 AND (budget_points IS NULL OR spent_points <= budget_points)",
                name="campaigns_within_budget",
            ),
            CheckConstraint(
                check="budget_points > 0 AND outlet_points_max > 0 AND outlet_day_points_max > 0",
                name="campaigns_limits_positive",
            ),
        )


class Allotment(Model):
    """Units set aside for one purpose. Those that somebody holds are neither free nor returned."""

    id = fields.BigIntField(primary_key=True)
    purpose = fields.TextField()
    """Whose units they are, such as ``reward:12``."""
    units_total = fields.BigIntField()
    units_free = fields.BigIntField()
    units_returned = fields.BigIntField(db_default=0)
    """Given back, and for the waiting list first."""

    class Meta:
        """Names of the table and its rules."""

        table = "allotments"
        constraints = (
            UniqueConstraint(fields=("purpose",), name="allotments_one_purpose"),
            CheckConstraint(check="units_free >= 0 AND units_returned >= 0", name="allotments_not_negative"),
            CheckConstraint(check="units_free + units_returned <= units_total", name="allotments_within_total"),
        )
