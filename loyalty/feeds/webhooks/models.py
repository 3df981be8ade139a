"""Tables of webhooks."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class WebhookConsumer(Model):
    """A program that events are brought to."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    name = fields.TextField()
    url = fields.TextField()
    feeds: fields.Field[list[str]] = ArrayField(element_type="text")
    secret_sealed = fields.BinaryField()
    old_secret_sealed = fields.BinaryField(null=True)
    old_secret_until = fields.DatetimeField(null=True)
    """Until then both secrets sign."""
    state = fields.TextField()
    note = fields.TextField(db_default="")
    """Why we have stopped by ourselves."""
    failures = fields.IntField(db_default=0)
    """Calls in a row that failed since the last one that was taken."""
    closed_until = fields.DatetimeField(null=True)
    """While the circuit is open nothing is sent before then; after it one call tries."""
    made_by = fields.TextField()
    made_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "webhook_consumers"
        constraints = (
            UniqueConstraint(fields=("code",), name="webhook_consumers_code"),
            CheckConstraint(check="state IN ('active', 'paused', 'disabled')", name="webhook_consumers_state"),
            CheckConstraint(check="cardinality(feeds) > 0 AND failures >= 0", name="webhook_consumers_sound"),
            CheckConstraint(
                check="(old_secret_sealed IS NULL) = (old_secret_until IS NULL)", name="webhook_consumers_old_secret"
            ),
        )


class WebhookDelivery(Model):
    """An event on its way to a consumer. Taken ones are deleted days later, dead ones weeks later."""

    id = fields.BigIntField(primary_key=True)
    consumer_id = fields.BigIntField()
    feed = fields.TextField()
    position = fields.BigIntField()
    event_id = fields.UUIDField()
    type = fields.TextField()
    subject = fields.TextField()
    state = fields.TextField()
    attempts = fields.IntField(db_default=0)
    next_at = fields.DatetimeField()
    leased_until = fields.DatetimeField(null=True)
    """Somebody is sending it until then; if they die, it is sent again after it."""
    last_status = fields.IntField(null=True)
    last_error = fields.TextField(db_default="")
    last_ms = fields.IntField(null=True)
    taken_in_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "webhook_deliveries"
        indexes = (Index(fields=("consumer_id", "id"), name="webhook_deliveries_by_consumer"),)
        constraints = (
            UniqueConstraint(fields=("consumer_id", "feed", "position"), name="webhook_deliveries_once"),
            CheckConstraint(check="state IN ('due', 'taken', 'dead')", name="webhook_deliveries_state"),
            CheckConstraint(check="(state = 'due') = (ended_at IS NULL)", name="webhook_deliveries_end_whole"),
            CheckConstraint(check="attempts >= 0", name="webhook_deliveries_attempts"),
        )
