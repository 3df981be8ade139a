"""Tables of the points module.

They carry no foreign keys: their statements take outlet ids from rows that the transaction has locked, outlets are
never deleted, and a foreign key would cost one look-up a row on the busiest path (docs/decisions/0004). proofs.py looks
for orphans instead.
"""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class PointsAccount(Model):
    """What an outlet has, as a cache of its entries that only the ledger's own statement changes."""

    outlet_id = fields.BigIntField(primary_key=True, generated=False)
    balance = fields.BigIntField(db_default=0)
    pending = fields.BigIntField(db_default=0)
    owed = fields.BigIntField(db_default=0)

    class Meta:
        """Names of the table and its rules."""

        table = "points_accounts"
        constraints = (
            CheckConstraint(check="balance >= 0", name="points_accounts_balance_not_negative"),
            CheckConstraint(check="pending >= 0", name="points_accounts_pending_not_negative"),
            CheckConstraint(check="owed >= 0", name="points_accounts_owed_not_negative"),
        )


class PointsLot(Model):
    """The points of an outlet that expire on one day; spent soonest first."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    expires_on = fields.DateField()
    points_left = fields.BigIntField()

    class Meta:
        """Names of the table and its rules."""

        table = "points_lots"
        constraints = (
            UniqueConstraint(fields=("outlet_id", "expires_on"), name="points_lots_one_per_day"),
            CheckConstraint(check="points_left >= 0", name="points_lots_not_negative"),
        )


class LedgerEntry(Model):
    """One change of an outlet's points. Never changed, never deleted."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    member_id = fields.BigIntField(null=True)
    kind = fields.TextField()
    points = fields.BigIntField()
    """Signed: an accrual is positive."""
    owed_repaid = fields.BigIntField(db_default=0)
    """The part of an accrual that repaid what the outlet owed and so reached no lot."""
    expires_on = fields.DateField(null=True)
    """The lot that an accrual filled."""
    source_kind = fields.TextField()
    source_id = fields.TextField()
    rule = fields.TextField()
    """The rule and version that gave the number of points."""
    why = fields.TextField()
    """One sentence for the member."""
    at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "ledger_entries"
        indexes = (Index(fields=("outlet_id", "id"), name="ledger_entries_by_outlet"),)
        constraints = (
            UniqueConstraint(fields=("source_id", "source_kind", "kind"), name="ledger_entries_paid_once"),
            CheckConstraint(
                check="kind IN ('accrual', 'redemption', 'expiry', 'reversal', 'adjustment')",
                name="ledger_entries_kind",
            ),
            CheckConstraint(check="kind <> 'accrual' OR points > 0", name="ledger_entries_accrual_positive"),
            CheckConstraint(
                check="owed_repaid >= 0 AND (owed_repaid = 0 OR owed_repaid <= points)",
                name="ledger_entries_repaid_within_points",
            ),
        )
