"""Tables of the switches module."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class SwitchRow(Model):
    """What somebody has said of a feature. No row: its default."""

    id = fields.BigIntField(primary_key=True)
    feature = fields.TextField()
    version = fields.IntField()
    enabled = fields.BooleanField()
    killed = fields.BooleanField()
    plants: fields.Field[list[str]] = ArrayField(element_type="text")
    value_classes: fields.Field[list[str]] = ArrayField(element_type="text")
    tags: fields.Field[list[str]] = ArrayField(element_type="text")
    percent_bps = fields.IntField()
    from_at = fields.DatetimeField(null=True)
    until_at = fields.DatetimeField(null=True)
    changed_at = fields.DatetimeField()
    changed_by = fields.TextField()

    class Meta:
        """Names of the table and its rules."""

        table = "switches"
        constraints = (
            UniqueConstraint(fields=("feature",), name="switches_one_each"),
            CheckConstraint(check="version > 0", name="switches_version_positive"),
            CheckConstraint(check="percent_bps BETWEEN 0 AND 10000", name="switches_percent"),
            CheckConstraint(check="until_at > from_at", name="switches_end_after_start"),
        )


class FeatureUse(Model):
    """How often a feature was used on a business date."""

    id = fields.BigIntField(primary_key=True)
    feature = fields.TextField()
    on_date = fields.DateField()
    uses = fields.BigIntField()

    class Meta:
        """Names of the table and its rules."""

        table = "feature_uses"
        constraints = (
            UniqueConstraint(fields=("feature", "on_date"), name="feature_uses_one_each"),
            CheckConstraint(check="uses > 0", name="feature_uses_positive"),
        )
