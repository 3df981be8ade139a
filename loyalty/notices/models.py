"""Tables of the notices module."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class WeChatPush(Model):
    """A push of WeChat's that was taken in, so that its retries count once."""

    id = fields.BigIntField(primary_key=True)
    dedupe_key = fields.TextField()
    received_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "wechat_pushes"
        constraints = (UniqueConstraint(fields=("dedupe_key",), name="wechat_pushes_once"),)


class MessageGrant(Model):
    """How many messages of a template a person allows us to send. One tap of permission is one message."""

    id = fields.BigIntField(primary_key=True)
    openid = fields.TextField()
    template_id = fields.TextField()
    credits = fields.IntField(db_default=0)
    changed_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "message_grants"
        constraints = (
            UniqueConstraint(fields=("openid", "template_id"), name="message_grants_one_each"),
            CheckConstraint(check="credits >= 0", name="message_grants_not_negative"),
        )


class Notice(Model):
    """A line of an outlet's inbox. What comes of an order takes the place of what was told of it before."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    kind = fields.TextField()
    about_kind = fields.TextField()
    about_id = fields.TextField()
    """What it is about, such as ``order`` and its number."""
    title = fields.TextField()
    text = fields.TextField()
    asks = fields.BooleanField()
    """Whether it waits for an answer."""
    dedupe_key = fields.TextField()
    at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "notices"
        indexes = (
            Index(fields=("outlet_id", "id"), name="notices_by_outlet"),
            Index(fields=("at",), name="notices_by_age"),
        )
        constraints = (UniqueConstraint(fields=("dedupe_key",), name="notices_once"),)


class NoticeMark(Model):
    """How far a member has read an outlet's inbox."""

    id = fields.BigIntField(primary_key=True)
    member_id = fields.BigIntField()
    outlet_id = fields.BigIntField()
    read_up_to = fields.BigIntField()

    class Meta:
        """Names of the table and its rules."""

        table = "notice_marks"
        constraints = (UniqueConstraint(fields=("member_id", "outlet_id"), name="notice_marks_one_each"),)


class Message(Model):
    """A subscribe message on its way to a member through WeChat."""

    id = fields.BigIntField(primary_key=True)
    member_id = fields.BigIntField()
    outlet_id = fields.BigIntField()
    template = fields.TextField()
    about_id = fields.TextField()
    body: fields.Field[object] = fields.JSONField()
    """Field of the template to its text."""
    page = fields.TextField()
    state = fields.TextField()
    """``queued``, ``sent``, ``no_grant``, ``refused``, ``failed``, ``expired``, or ``unsure``: it may have gone out."""
    attempts = fields.IntField(db_default=0)
    due_at = fields.DatetimeField()
    good_until = fields.DatetimeField()
    leased_until = fields.DatetimeField(null=True)
    dedupe_key = fields.TextField()
    made_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "messages"
        indexes = (Index(fields=("member_id", "made_at"), name="messages_by_member"),)
        constraints = (
            UniqueConstraint(fields=("dedupe_key", "member_id", "template"), name="messages_once"),
            CheckConstraint(
                check="state IN ('queued', 'sent', 'no_grant', 'refused', 'failed', 'expired', 'unsure')",
                name="messages_state",
            ),
            CheckConstraint(check="(state = 'queued') = (ended_at IS NULL)", name="messages_end_whole"),
            CheckConstraint(
                check="template IN ('order_status', 'shortage', 'flash_opening')", name="messages_template"
            ),
        )
