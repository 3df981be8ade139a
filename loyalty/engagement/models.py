"""Tables of the engagement module."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class OutletDay(Model):
    """What an outlet did on a business date, counted from events."""

    id = fields.BigIntField(primary_key=True)
    outlet_code = fields.TextField()
    on_date = fields.DateField()
    checkins = fields.IntField(db_default=0)

    class Meta:
        """Names of the table and its rules."""

        table = "outlet_days"
        constraints = (
            UniqueConstraint(fields=("on_date", "outlet_code"), name="outlet_days_one_each"),
            CheckConstraint(check="checkins >= 0", name="outlet_days_not_negative"),
        )
