"""Tables of the ordering module."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Quote(Model):
    """What an order would cost, told to a member and honoured for some minutes. Deleted days after it has ended."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    member_id = fields.BigIntField()
    payment = fields.TextField()
    deliver_on = fields.DateField()
    body: fields.Field[object] = fields.JSONField()
    """Lines with their prices, coupon, gifts, days of delivery, and what stood against it."""
    total_fen = fields.BigIntField()
    quoted_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    idempotency_key = fields.TextField()
    input_hash = fields.BinaryField()

    class Meta:
        """Names of the table and its rules."""

        table = "quotes"
        indexes = (Index(fields=("expires_at",), name="quotes_by_end"),)
        constraints = (
            UniqueConstraint(fields=("member_id", "idempotency_key"), name="quotes_idempotency"),
            CheckConstraint(check="payment IN ('cash', 'account')", name="quotes_payment"),
            CheckConstraint(check="total_fen >= 0", name="quotes_total_not_negative"),
            CheckConstraint(check="expires_at > quoted_at", name="quotes_end_after_start"),
        )
