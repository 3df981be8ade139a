"""Tables of the points module.

They carry no foreign keys: their statements take outlet ids from rows that the transaction has locked, outlets are
never deleted, and a foreign key would cost one look-up a row on the busiest path (docs/decisions/0004). proofs.py looks
for orphans instead.
"""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class PointsAccount(Model):
    """What an outlet has, as a cache of its entries that only the ledger's own statements change."""

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
    """The points of an outlet that expire on one day; spent soonest first. Deleted when it expires."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    expires_on = fields.DateField()
    """The last day on which they can be spent."""
    points_left = fields.BigIntField()

    class Meta:
        """Names of the table and its rules."""

        table = "points_lots"
        indexes = (Index(fields=("expires_on",), name="points_lots_by_day"),)
        constraints = (
            UniqueConstraint(fields=("outlet_id", "expires_on"), name="points_lots_one_per_day"),
            CheckConstraint(check="points_left >= 0", name="points_lots_not_negative"),
        )


class LedgerEntry(Model):
    """One change of an outlet's points. Never changed, never deleted; a trigger refuses.

    It moves the balance by ``points + owed_change``, which is what it moves its lots by.
    """

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    member_id = fields.BigIntField(null=True)
    kind = fields.TextField()
    points = fields.BigIntField()
    """Signed: an accrual is positive. Nothing yet for what is only pending."""
    owed_change = fields.BigIntField(db_default=0)
    """Negative: the part that repaid what was owed. Positive: what is owed because there was nothing left to take."""
    expires_on = fields.DateField(null=True)
    """The lot that it moved, when it moved at most one."""
    source_kind = fields.TextField()
    source_id = fields.TextField()
    rule = fields.TextField()
    """The rule book and version that gave the number of points."""
    why = fields.TextField()
    """One sentence for the member."""
    at = fields.DatetimeField()
    pending_change = fields.BigIntField(db_default=0)
    of_entry_id = fields.BigIntField(null=True)
    """The entry that this one releases, cancels, reverses or refunds."""
    campaign_id = fields.BigIntField(null=True)
    """The campaign whose budget it moves."""
    terms_id = fields.BigIntField(null=True)
    """The version of the expiry rule book that was promised with it; null for the built-in one."""
    lot_dates: fields.Field[list[object] | None] = ArrayField(element_type="date", null=True)
    """The lots that it moved, when more than one, and by how much each."""
    lot_points: fields.Field[list[int] | None] = ArrayField(element_type="bigint", null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "ledger_entries"
        indexes = (Index(fields=("outlet_id", "id"), name="ledger_entries_by_outlet"),)
        constraints = (
            UniqueConstraint(fields=("source_id", "source_kind", "kind"), name="ledger_entries_paid_once"),
            CheckConstraint(
                check="""CASE kind
                    WHEN 'pending' THEN points = 0 AND owed_change = 0 AND pending_change > 0
                    WHEN 'accrual' THEN points > 0 AND owed_change BETWEEN -points AND 0
                                        AND pending_change IN (0, -points)
                    WHEN 'redemption' THEN points < 0 AND owed_change = 0 AND pending_change = 0
                    WHEN 'expiry' THEN points < 0 AND owed_change = 0 AND pending_change = 0
                    WHEN 'reversal' THEN of_entry_id IS NOT NULL AND points + pending_change <> 0 AND
                        CASE WHEN points > 0 THEN pending_change = 0 AND owed_change BETWEEN -points AND 0
                             ELSE pending_change <= 0 AND owed_change BETWEEN 0 AND -points END
                    WHEN 'adjustment' THEN points <> 0 AND pending_change = 0 AND
                        CASE WHEN points > 0 THEN owed_change BETWEEN -points AND 0 ELSE owed_change = 0 END
                    ELSE false END""",
                name="ledger_entries_kind",
            ),
            CheckConstraint(
                check="CASE WHEN lot_dates IS NULL THEN lot_points IS NULL"
                " AND (expires_on IS NOT NULL OR points + owed_change = 0)"
                " ELSE expires_on IS NULL AND cardinality(lot_dates) > 1"
                " AND cardinality(lot_points) = cardinality(lot_dates) END",
                name="ledger_entries_names_its_lots",
            ),
        )


class CappedPoints(Model):
    """What an outlet has earned on a business date under a cap."""

    outlet_id = fields.BigIntField()
    scope = fields.TextField()
    """``day``, ``rule:<book>`` or ``campaign:<id>``."""
    on_date = fields.DateField()
    points = fields.BigIntField()
    id = fields.BigIntField(primary_key=True)

    class Meta:
        """Names of the table and its rules."""

        table = "capped_points"
        constraints = (
            UniqueConstraint(fields=("outlet_id", "scope", "on_date"), name="capped_points_one_each"),
            CheckConstraint(check="points >= 0", name="capped_points_not_negative"),
        )


class AdjustmentRow(Model):
    """Points that staff want to give or take by hand: proposed by one, approved or rejected by another."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    points = fields.BigIntField()
    reason = fields.TextField()
    state = fields.TextField()
    made_by = fields.BigIntField()
    made_role = fields.TextField()
    made_at = fields.DatetimeField()
    limit_version = fields.TextField()
    """The version of the rule book whose limit allowed it."""
    checked_by = fields.BigIntField(null=True)
    checked_at = fields.DatetimeField(null=True)
    checked_reason = fields.TextField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "points_adjustments"
        indexes = (
            Index(fields=("outlet_id",), name="points_adjustments_by_outlet"),
            Index(fields=("made_by", "made_at"), name="points_adjustments_by_maker"),
        )
        constraints = (
            CheckConstraint(check="points <> 0", name="points_adjustments_not_zero"),
            CheckConstraint(check="reason <> ''", name="points_adjustments_reasoned"),
            CheckConstraint(
                check="state IN ('proposed', 'approved', 'rejected', 'withdrawn')", name="points_adjustments_state"
            ),
            CheckConstraint(
                check="(state = 'proposed') = (checked_at IS NULL) AND (checked_at IS NULL) = (checked_by IS NULL)",
                name="points_adjustments_checked_whole",
            ),
            CheckConstraint(
                check="state NOT IN ('approved', 'rejected') OR checked_by <> made_by",
                name="points_adjustments_second_person",
            ),
        )
