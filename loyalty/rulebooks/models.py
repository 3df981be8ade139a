"""Tables of the rulebooks module."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class RuleVersion(Model):
    """A version of a rule book, in force from the start of ``effective_on`` until the next one's. Never changed.

    A version that is not in force yet may be withdrawn; a trigger refuses every other change.
    """

    id = fields.BigIntField(primary_key=True)
    book = fields.TextField()
    effective_on = fields.DateField()
    body = fields.JSONField[dict[str, object]]()
    made_by = fields.TextField()
    made_at = fields.DatetimeField()
    reason = fields.TextField()
    withdrawn_at = fields.DatetimeField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "rule_versions"
        indexes = (Index(fields=("book", "effective_on"), name="rule_versions_by_book"),)
        constraints = (
            UniqueConstraint(
                fields=("book", "effective_on"), name="rule_versions_one_a_day", condition="withdrawn_at IS NULL"
            ),
            CheckConstraint(check="reason <> ''", name="rule_versions_reasoned"),
        )
