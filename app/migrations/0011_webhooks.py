"""Webhook consumers and what is on its way to them."""

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

WHAT_TORTOISE_HAS_NO_WORDS_FOR = """
    ALTER TABLE webhook_deliveries
        ADD CONSTRAINT webhook_deliveries_consumer FOREIGN KEY (consumer_id) REFERENCES webhook_consumers;
    -- What is due, of each outlet the oldest first; and what has ended, to be deleted.
    CREATE INDEX webhook_deliveries_due ON webhook_deliveries (consumer_id, feed, subject, position)
        WHERE state = 'due';
    CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (state, ended_at) WHERE state <> 'due';
"""


class Migration(migrations.Migration):
    """Two tables."""

    dependencies = [("leketong", "0010_orders")]

    operations = [
        ops.CreateModel(
            name="WebhookConsumer",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("code", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("url", fields.TextField(unique=False)),
                ("feeds", ArrayField(element_type="TEXT")),
                ("secret_sealed", fields.BinaryField()),
                ("old_secret_sealed", fields.BinaryField(null=True)),
                ("old_secret_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("state", fields.TextField(unique=False)),
                ("note", fields.TextField(db_default="", unique=False)),
                ("failures", fields.IntField(db_default=0)),
                ("closed_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("made_by", fields.TextField(unique=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "webhook_consumers",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A program that events are brought to.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="WebhookConsumer", constraint=UniqueConstraint(fields=("code",), name="webhook_consumers_code")
        ),
        ops.AddConstraint(
            model_name="WebhookConsumer",
            constraint=CheckConstraint(
                check="state IN ('active', 'paused', 'disabled')", name="webhook_consumers_state"
            ),
        ),
        ops.AddConstraint(
            model_name="WebhookConsumer",
            constraint=CheckConstraint(
                check="cardinality(feeds) > 0 AND failures >= 0", name="webhook_consumers_sound"
            ),
        ),
        ops.AddConstraint(
            model_name="WebhookConsumer",
            constraint=CheckConstraint(
                check="(old_secret_sealed IS NULL) = (old_secret_until IS NULL)", name="webhook_consumers_old_secret"
            ),
        ),
        ops.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("consumer_id", fields.BigIntField()),
                ("feed", fields.TextField(unique=False)),
                ("position", fields.BigIntField()),
                ("event_id", fields.UUIDField()),
                ("type", fields.TextField(unique=False)),
                ("subject", fields.TextField(unique=False)),
                ("state", fields.TextField(unique=False)),
                ("attempts", fields.IntField(db_default=0)),
                ("next_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("leased_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("last_status", fields.IntField(null=True)),
                ("last_error", fields.TextField(db_default="", unique=False)),
                ("last_ms", fields.IntField(null=True)),
                ("taken_in_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "webhook_deliveries",
                "app": "leketong",
                "indexes": [Index(fields=["consumer_id", "id"], name="webhook_deliveries_by_consumer")],
                "pk_attr": "id",
                "table_description": "An event on its way to a consumer. Taken ones are deleted days later, dead ones weeks later.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="WebhookDelivery",
            constraint=UniqueConstraint(fields=("consumer_id", "feed", "position"), name="webhook_deliveries_once"),
        ),
        ops.AddConstraint(
            model_name="WebhookDelivery",
            constraint=CheckConstraint(check="state IN ('due', 'taken', 'dead')", name="webhook_deliveries_state"),
        ),
        ops.AddConstraint(
            model_name="WebhookDelivery",
            constraint=CheckConstraint(
                check="(state = 'due') = (ended_at IS NULL)", name="webhook_deliveries_end_whole"
            ),
        ),
        ops.AddConstraint(
            model_name="WebhookDelivery",
            constraint=CheckConstraint(check="attempts >= 0", name="webhook_deliveries_attempts"),
        ),
        ops.RunSQL(sql=WHAT_TORTOISE_HAS_NO_WORDS_FOR, reverse_sql=""),
    ]
