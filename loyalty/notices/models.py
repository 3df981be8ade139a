"""Tables of the notices module."""

from tortoise import fields
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
