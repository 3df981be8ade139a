"""Quotes, which hold for minutes and are deleted days later."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

WHAT_TORTOISE_HAS_NO_WORDS_FOR = """
    ALTER TABLE quotes
        ADD CONSTRAINT quotes_outlet FOREIGN KEY (outlet_id) REFERENCES outlets,
        ADD CONSTRAINT quotes_member FOREIGN KEY (member_id) REFERENCES members;
"""


class Migration(migrations.Migration):
    """One table."""

    dependencies = [("leketong", "0008_catalogue")]

    operations = [
        ops.CreateModel(
            name="Quote",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("member_id", fields.BigIntField()),
                ("payment", fields.TextField(unique=False)),
                ("deliver_on", fields.DateField()),
                ("body", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("total_fen", fields.BigIntField()),
                ("quoted_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("idempotency_key", fields.TextField(unique=False)),
                ("input_hash", fields.BinaryField()),
            ],
            options={
                "table": "quotes",
                "app": "leketong",
                "indexes": [Index(fields=["expires_at"], name="quotes_by_end")],
                "pk_attr": "id",
                "table_description": "What an order would cost, told to a member and honoured for some minutes. Deleted days after it has ended.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Quote",
            constraint=UniqueConstraint(fields=("member_id", "idempotency_key"), name="quotes_idempotency"),
        ),
        ops.AddConstraint(
            model_name="Quote",
            constraint=CheckConstraint(check="payment IN ('cash', 'account')", name="quotes_payment"),
        ),
        ops.AddConstraint(
            model_name="Quote", constraint=CheckConstraint(check="total_fen >= 0", name="quotes_total_not_negative")
        ),
        ops.AddConstraint(
            model_name="Quote",
            constraint=CheckConstraint(check="expires_at > quoted_at", name="quotes_end_after_start"),
        ),
        ops.RunSQL(sql=WHAT_TORTOISE_HAS_NO_WORDS_FOR, reverse_sql=""),
    ]
