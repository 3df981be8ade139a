"""Tables of the pictures module."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model


class Picture(Model):
    """A picture that staff or a system has brought, named by the hash of what it is."""

    digest = fields.CharField(max_length=64, primary_key=True)
    content_type = fields.TextField()
    content = fields.BinaryField()
    made_by = fields.TextField()
    made_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "pictures"
        constraints = (
            CheckConstraint(check="content_type IN ('image/png', 'image/jpeg', 'image/webp')", name="pictures_type"),
            CheckConstraint(check="octet_length(content) <= 524288", name="pictures_small"),
        )
