"""Tables of the check-in game. No foreign keys on the busiest path, as in loyalty.points.models."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class CheckinStreak(Model):
    """How an outlet's run stands after its last check-in."""

    outlet_id = fields.BigIntField(primary_key=True, generated=False)
    last_on = fields.DateField()
    streak_days = fields.IntField()
    checkins = fields.IntField()
    """How many the outlet has made: a check-in judged after n of them is stored only as the next after these n."""

    class Meta:
        """Names of the table and its rules."""

        table = "checkin_streaks"
        constraints = (
            CheckConstraint(
                check="streak_days > 0 AND checkins >= streak_days", name="checkin_streaks_counts_its_checkins"
            ),
        )


class CheckinRow(Model):
    """A check-in of an outlet."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    business_date = fields.DateField()
    member_id = fields.BigIntField()
    at = fields.DatetimeField()
    streak_days = fields.IntField()
    points = fields.IntField()
    ladder_id = fields.BigIntField(null=True)
    """The version of the rule book checkin_ladder; null for the built-in one."""
    idempotency_key = fields.TextField()
    input_hash = fields.BinaryField()

    class Meta:
        """Names of the table and its rules."""

        table = "checkins"
        constraints = (
            UniqueConstraint(fields=("business_date", "outlet_id"), name="checkins_once_a_day"),
            UniqueConstraint(fields=("member_id", "idempotency_key"), name="checkins_idempotency"),
            CheckConstraint(check="streak_days > 0 AND points > 0", name="checkins_positive"),
        )
