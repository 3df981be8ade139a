"""Feature switches, and how often each feature is used."""

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint


class Migration(migrations.Migration):
    """Two small tables."""

    dependencies = [("leketong", "0004_organisation")]

    operations = [
        ops.CreateModel(
            name="FeatureUse",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("feature", fields.TextField(unique=False)),
                ("on_date", fields.DateField()),
                ("uses", fields.BigIntField()),
            ],
            options={
                "table": "feature_uses",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "How often a feature was used on a business date.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="FeatureUse",
            constraint=UniqueConstraint(fields=("feature", "on_date"), name="feature_uses_one_each"),
        ),
        ops.AddConstraint(
            model_name="FeatureUse", constraint=CheckConstraint(check="uses > 0", name="feature_uses_positive")
        ),
        ops.CreateModel(
            name="SwitchRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("feature", fields.TextField(unique=False)),
                ("version", fields.IntField()),
                ("enabled", fields.BooleanField()),
                ("killed", fields.BooleanField()),
                ("plants", ArrayField(element_type="TEXT")),
                ("value_classes", ArrayField(element_type="TEXT")),
                ("tags", ArrayField(element_type="TEXT")),
                ("percent_bps", fields.IntField()),
                ("from_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("until_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("changed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("changed_by", fields.TextField(unique=False)),
            ],
            options={
                "table": "switches",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "What somebody has said of a feature. No row: its default.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="SwitchRow", constraint=UniqueConstraint(fields=("feature",), name="switches_one_each")
        ),
        ops.AddConstraint(
            model_name="SwitchRow", constraint=CheckConstraint(check="version > 0", name="switches_version_positive")
        ),
        ops.AddConstraint(
            model_name="SwitchRow",
            constraint=CheckConstraint(check="percent_bps BETWEEN 0 AND 10000", name="switches_percent"),
        ),
        ops.AddConstraint(
            model_name="SwitchRow",
            constraint=CheckConstraint(check="until_at > from_at", name="switches_end_after_start"),
        ),
    ]
