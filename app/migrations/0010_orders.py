"""Orders with their lines, timelines and shortages."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

WHAT_TORTOISE_HAS_NO_WORDS_FOR = """
    ALTER TABLE orders
        ADD CONSTRAINT orders_outlet FOREIGN KEY (outlet_id) REFERENCES outlets,
        ADD CONSTRAINT orders_member FOREIGN KEY (member_id) REFERENCES members,
        ADD CONSTRAINT orders_joins FOREIGN KEY (joins_id) REFERENCES orders,
        ADD CONSTRAINT orders_follows_shortage FOREIGN KEY (follows_shortage_id) REFERENCES order_shortages;
    ALTER TABLE order_lines
        ADD CONSTRAINT order_lines_order FOREIGN KEY (order_id) REFERENCES orders,
        ADD CONSTRAINT order_lines_product FOREIGN KEY (product_id) REFERENCES products;
    ALTER TABLE order_steps ADD CONSTRAINT order_steps_order FOREIGN KEY (order_id) REFERENCES orders;
    ALTER TABLE order_shortages ADD CONSTRAINT order_shortages_order FOREIGN KEY (order_id) REFERENCES orders;
    -- What is under way, for the order desk and the clock; what is over is looked up by outlet or number.
    CREATE INDEX orders_under_way ON orders (status, placed_at)
        WHERE status IN ('placed', 'confirmed', 'shipped', 'delivered');
    -- What an addition could join, asked for at each quote.
    CREATE INDEX orders_not_loaded ON orders (outlet_id) WHERE status IN ('placed', 'confirmed');
    CREATE INDEX orders_to_release ON orders (release_on) WHERE completed_at IS NOT NULL AND released_at IS NULL;
    CREATE INDEX orders_odd ON orders (odd_at) WHERE odd_at IS NOT NULL;
    CREATE INDEX order_shortages_open ON order_shortages (told_at) WHERE state = 'open';
"""


class Migration(migrations.Migration):
    """Four tables."""

    dependencies = [("leketong", "0009_quotes")]

    operations = [
        ops.CreateModel(
            name="Order",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("number", fields.TextField(unique=False)),
                ("outlet_id", fields.BigIntField()),
                ("member_id", fields.BigIntField()),
                ("quote_id", fields.BigIntField(null=True)),
                ("joins_id", fields.BigIntField(null=True)),
                ("follows_shortage_id", fields.BigIntField(null=True)),
                ("status", fields.TextField(unique=False)),
                ("payment", fields.TextField(unique=False)),
                ("deliver_on", fields.DateField()),
                ("cut_off_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("eta_on", fields.DateField(null=True)),
                (
                    "invoice",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                ("note", fields.TextField(unique=False)),
                ("coupon_id", fields.BigIntField(null=True)),
                ("gifts", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("goods_fen", fields.BigIntField()),
                ("discount_fen", fields.BigIntField()),
                ("deposit_fen", fields.BigIntField()),
                ("total_fen", fields.BigIntField()),
                ("due_fen", fields.BigIntField()),
                ("idempotency_key", fields.TextField(unique=False)),
                ("input_hash", fields.BinaryField()),
                ("placed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("confirmed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("shipped_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("delivered_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("completed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("release_on", fields.DateField(null=True)),
                ("released_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("odd_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("seen_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "orders",
                "app": "leketong",
                "indexes": [Index(fields=["outlet_id", "id"], name="orders_by_outlet")],
                "pk_attr": "id",
                "table_description": "What an outlet has ordered, as it was placed, and how far it has come.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(model_name="Order", constraint=UniqueConstraint(fields=("number",), name="orders_number")),
        ops.AddConstraint(
            model_name="Order", constraint=UniqueConstraint(fields=("quote_id",), name="orders_one_of_a_quote")
        ),
        ops.AddConstraint(
            model_name="Order",
            constraint=UniqueConstraint(fields=("follows_shortage_id",), name="orders_one_for_a_shortage"),
        ),
        ops.AddConstraint(
            model_name="Order",
            constraint=UniqueConstraint(fields=("member_id", "idempotency_key"), name="orders_idempotency"),
        ),
        ops.AddConstraint(
            model_name="Order",
            constraint=CheckConstraint(
                check="status IN ('placed', 'confirmed', 'shipped', 'delivered', 'completed', 'cancelled', 'rejected')",
                name="orders_status",
            ),
        ),
        ops.AddConstraint(
            model_name="Order",
            constraint=CheckConstraint(check="payment IN ('cash', 'account')", name="orders_payment"),
        ),
        ops.AddConstraint(
            model_name="Order",
            constraint=CheckConstraint(
                check="total_fen = goods_fen - discount_fen + deposit_fen AND discount_fen BETWEEN 0 AND goods_fen AND deposit_fen >= 0 AND due_fen BETWEEN 0 AND total_fen",
                name="orders_money_adds_up",
            ),
        ),
        ops.AddConstraint(
            model_name="Order",
            constraint=CheckConstraint(
                check="(quote_id IS NULL) = (follows_shortage_id IS NOT NULL)", name="orders_of_a_quote_or_a_shortage"
            ),
        ),
        ops.AddConstraint(
            model_name="Order",
            constraint=CheckConstraint(
                check="(status IN ('cancelled', 'rejected')) = (ended_at IS NOT NULL)", name="orders_end_whole"
            ),
        ),
        ops.AddConstraint(
            model_name="Order",
            constraint=CheckConstraint(
                check="(status = 'completed') = (completed_at IS NOT NULL) AND (completed_at IS NULL) = (release_on IS NULL) AND (released_at IS NULL OR completed_at IS NOT NULL)",
                name="orders_completed_whole",
            ),
        ),
        ops.AddConstraint(
            model_name="Order",
            constraint=CheckConstraint(
                check="status IN ('placed', 'cancelled', 'rejected') OR confirmed_at IS NOT NULL",
                name="orders_confirmed_first",
            ),
        ),
        ops.CreateModel(
            name="OrderLine",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("order_id", fields.BigIntField()),
                ("line_number", fields.IntField()),
                ("product_id", fields.BigIntField()),
                ("code", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("category", fields.TextField(unique=False)),
                ("units_per_case", fields.IntField()),
                ("cases", fields.IntField()),
                ("price_fen", fields.BigIntField()),
                ("special_cases", fields.IntField()),
                ("special_price_fen", fields.BigIntField(null=True)),
                ("entitlement_id", fields.BigIntField(null=True)),
                ("amount_fen", fields.BigIntField()),
                ("deposit_fen", fields.BigIntField()),
                ("cases_due", fields.IntField()),
                ("cases_returned", fields.IntField(db_default=0)),
            ],
            options={
                "table": "order_lines",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A line of an order: as it was placed, and how many of its cases come and have gone back.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="OrderLine",
            constraint=UniqueConstraint(fields=("order_id", "line_number"), name="order_lines_number"),
        ),
        ops.AddConstraint(
            model_name="OrderLine",
            constraint=CheckConstraint(check="cases > 0 AND cases_due BETWEEN 0 AND cases", name="order_lines_cases"),
        ),
        ops.AddConstraint(
            model_name="OrderLine",
            constraint=CheckConstraint(check="cases_returned BETWEEN 0 AND cases_due", name="order_lines_returned"),
        ),
        ops.AddConstraint(
            model_name="OrderLine",
            constraint=CheckConstraint(
                check="special_cases BETWEEN 0 AND cases AND (special_cases = 0 OR special_price_fen IS NOT NULL)",
                name="order_lines_special",
            ),
        ),
        ops.AddConstraint(
            model_name="OrderLine",
            constraint=CheckConstraint(
                check="price_fen >= 0 AND amount_fen >= 0 AND deposit_fen >= 0 AND deposit_fen % cases = 0",
                name="order_lines_money",
            ),
        ),
        ops.CreateModel(
            name="OrderStep",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("order_id", fields.BigIntField()),
                ("kind", fields.TextField(unique=False)),
                ("made_by", fields.TextField(unique=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("recorded_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("applied", fields.BooleanField()),
                ("body", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("progress_id", fields.TextField(null=True, unique=False)),
                ("member_id", fields.BigIntField(null=True)),
                ("idempotency_key", fields.TextField(null=True, unique=False)),
                ("input_hash", fields.BinaryField(null=True)),
            ],
            options={
                "table": "order_steps",
                "app": "leketong",
                "indexes": [Index(fields=["order_id", "id"], name="order_steps_by_order")],
                "pk_attr": "id",
                "table_description": "Something that was said or done about an order: its timeline. Never changed.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="OrderStep",
            constraint=UniqueConstraint(fields=("order_id", "progress_id"), name="order_steps_progress_once"),
        ),
        ops.AddConstraint(
            model_name="OrderStep",
            constraint=UniqueConstraint(fields=("member_id", "idempotency_key"), name="order_steps_idempotency"),
        ),
        ops.AddConstraint(
            model_name="OrderStep",
            constraint=CheckConstraint(
                check="(member_id IS NULL) = (idempotency_key IS NULL)", name="order_steps_key_with_member"
            ),
        ),
        ops.CreateModel(
            name="Shortage",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("order_id", fields.BigIntField()),
                ("line_number", fields.IntField()),
                ("cases_short", fields.IntField()),
                ("special_cases", fields.IntField()),
                ("reason", fields.TextField(unique=False)),
                ("told_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("state", fields.TextField(unique=False)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("decided_by", fields.BigIntField(null=True)),
            ],
            options={
                "table": "order_shortages",
                "app": "leketong",
                "indexes": [Index(fields=["order_id", "line_number"], name="order_shortages_by_line")],
                "pk_attr": "id",
                "table_description": "Cases of a line that will not come, told before the truck leaves, and what the member wants instead.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Shortage",
            constraint=UniqueConstraint(
                fields=("order_id", "line_number"), name="order_shortages_one_open", condition="state = 'open'"
            ),
        ),
        ops.AddConstraint(
            model_name="Shortage",
            constraint=CheckConstraint(
                check="state IN ('open', 'substituted', 'waiting', 'dropped', 'passed')", name="order_shortages_state"
            ),
        ),
        ops.AddConstraint(
            model_name="Shortage",
            constraint=CheckConstraint(
                check="cases_short > 0 AND special_cases BETWEEN 0 AND cases_short", name="order_shortages_cases"
            ),
        ),
        ops.AddConstraint(
            model_name="Shortage",
            constraint=CheckConstraint(
                check="(state = 'open') = (decided_at IS NULL)", name="order_shortages_decided_whole"
            ),
        ),
        ops.RunSQL(sql=WHAT_TORTOISE_HAS_NO_WORDS_FOR, reverse_sql=""),
    ]
