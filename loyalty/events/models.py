"""Tables of the events module. The numbered log, ``event_log``, is partitioned, so its own migration makes it."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class OutboxRow(Model):
    """An event that its verb has recorded and the stamper has not numbered yet."""

    id = fields.BigIntField(primary_key=True)
    event_id = fields.UUIDField()
    feed = fields.TextField()
    type = fields.TextField()
    subject = fields.TextField()
    occurred_at = fields.DatetimeField()
    data = fields.JSONField[dict[str, object]]()

    class Meta:
        """Names of the table and its rules."""

        table = "outbox"


class FeedHead(Model):
    """The last position given out in a feed."""

    feed = fields.CharField(max_length=32, primary_key=True)
    position = fields.BigIntField(db_default=0)

    class Meta:
        """Names of the table and its rules."""

        table = "feed_heads"
        constraints = (CheckConstraint(check="position >= 0", name="feed_heads_position_not_negative"),)


class ConsumerCursor(Model):
    """How far a reaction has read a feed."""

    id = fields.BigIntField(primary_key=True)
    consumer = fields.TextField()
    feed = fields.TextField()
    position = fields.BigIntField(db_default=0)
    moved_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "consumer_cursors"
        constraints = (
            UniqueConstraint(fields=("consumer", "feed"), name="consumer_cursors_one_per_feed"),
            CheckConstraint(check="position >= 0", name="consumer_cursors_position_not_negative"),
        )
