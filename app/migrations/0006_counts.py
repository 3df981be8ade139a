"""Counts of outlets and bindings by place, so that no page counts two million; an index by time for the counting."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint


class Migration(migrations.Migration):
    """Two small tables and an index."""

    dependencies = [("leketong", "0005_switches")]

    operations = [
        ops.CreateModel(
            name="PlaceCount",
            fields=[
                ("place_id", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("outlets", fields.IntField()),
                ("bound", fields.IntField()),
                ("new", fields.IntField()),
                ("counted_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "place_counts",
                "app": "leketong",
                "pk_attr": "place_id",
                "table_description": "How many open outlets a place has, as counted some minutes ago: a page must not count two million.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="PlaceCount",
            constraint=CheckConstraint(
                check="bound BETWEEN 0 AND outlets AND new BETWEEN 0 AND outlets", name="place_counts_fit"
            ),
        ),
        ops.CreateModel(
            name="PlaceDay",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("place_id", fields.BigIntField()),
                ("on_date", fields.DateField()),
                ("bindings", fields.IntField()),
            ],
            options={
                "table": "place_days",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "How many bindings were made at the outlets of a place on a business date, as counted some minutes ago.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="PlaceDay",
            constraint=UniqueConstraint(fields=("place_id", "on_date"), name="place_days_one_each"),
        ),
        ops.AddIndex(
            model_name="Binding",
            index=Index(fields=["bound_at"], name="bindings_by_time"),
        ),
    ]
