"""The whole ledger: pending, reversals, lots touched; rule books, campaigns, rewards and manual adjustments."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

BEFORE = """
    -- Ladders become versions of a rule book; check-ins and entries keep naming them by the same number.
    INSERT INTO rule_versions (id, book, effective_on, body, made_by, made_at, reason)
    SELECT id, 'checkin_ladder', effective_on,
           jsonb_build_object('base_points', base_points, 'extra_points', to_jsonb(extra_points)),
           'command:migration', now(), '从旧的签到阶梯带过来'
      FROM checkin_ladders;
    SELECT setval('rule_versions_id_seq', greatest((SELECT max(id) FROM rule_versions), 1),
                  EXISTS (SELECT FROM rule_versions));
    UPDATE ledger_entries SET owed_change = -owed_change WHERE owed_change <> 0;
"""

AFTER = """
    CREATE FUNCTION ledger_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'ledger entries are never changed or deleted';
    END $$;
    CREATE TRIGGER ledger_entries_stay BEFORE UPDATE OR DELETE ON ledger_entries
        FOR EACH ROW EXECUTE FUNCTION ledger_entries_stay();
    CREATE FUNCTION rule_versions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL
           AND to_jsonb(NEW) - 'withdrawn_at' = to_jsonb(OLD) - 'withdrawn_at' THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'rule versions are never changed or deleted';
    END $$;
    CREATE TRIGGER rule_versions_stay BEFORE UPDATE OR DELETE ON rule_versions
        FOR EACH ROW EXECUTE FUNCTION rule_versions_stay();
    -- What settles an entry is looked up for each release and reversal.
    CREATE INDEX ledger_entries_of_entry ON ledger_entries (of_entry_id) WHERE of_entry_id IS NOT NULL;
    -- The sweeps read only what may still lapse or expire.
    CREATE INDEX entitlements_by_end ON entitlements (expires_at) WHERE state = 'free';
    -- What became of a reward is counted on its page.
    CREATE INDEX entitlements_by_reward ON entitlements (reward_id, state);
    CREATE INDEX points_adjustments_open ON points_adjustments (made_at) WHERE state = 'proposed';
"""


class Migration(migrations.Migration):
    """New tables, signed columns of the ledger, and triggers that keep what was promised."""

    dependencies = [("leketong", "0006_counts")]

    operations = [
        ops.CreateModel(
            name="AdjustmentRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("points", fields.BigIntField()),
                ("reason", fields.TextField(unique=False)),
                ("state", fields.TextField(unique=False)),
                ("made_by", fields.BigIntField()),
                ("made_role", fields.TextField(unique=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("limit_version", fields.TextField(unique=False)),
                ("checked_by", fields.BigIntField(null=True)),
                ("checked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("checked_reason", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "points_adjustments",
                "app": "leketong",
                "indexes": [
                    Index(fields=["outlet_id"], name="points_adjustments_by_outlet"),
                    Index(fields=["made_by", "made_at"], name="points_adjustments_by_maker"),
                ],
                "pk_attr": "id",
                "table_description": "Points that staff want to give or take by hand: proposed by one, approved or rejected by another.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="AdjustmentRow",
            constraint=CheckConstraint(check="points <> 0", name="points_adjustments_not_zero"),
        ),
        ops.AddConstraint(
            model_name="AdjustmentRow",
            constraint=CheckConstraint(check="reason <> ''", name="points_adjustments_reasoned"),
        ),
        ops.AddConstraint(
            model_name="AdjustmentRow",
            constraint=CheckConstraint(
                check="state IN ('proposed', 'approved', 'rejected', 'withdrawn')", name="points_adjustments_state"
            ),
        ),
        ops.AddConstraint(
            model_name="AdjustmentRow",
            constraint=CheckConstraint(
                check="(state = 'proposed') = (checked_at IS NULL) AND (checked_at IS NULL) = (checked_by IS NULL)",
                name="points_adjustments_checked_whole",
            ),
        ),
        ops.AddConstraint(
            model_name="AdjustmentRow",
            constraint=CheckConstraint(
                check="state NOT IN ('approved', 'rejected') OR checked_by <> made_by",
                name="points_adjustments_second_person",
            ),
        ),
        ops.CreateModel(
            name="Allotment",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("purpose", fields.TextField(unique=False)),
                ("units_total", fields.BigIntField()),
                ("units_free", fields.BigIntField()),
                ("units_returned", fields.BigIntField(db_default=0)),
            ],
            options={
                "table": "allotments",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "Units set aside for one purpose. Those that somebody holds are neither free nor returned.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Allotment", constraint=UniqueConstraint(fields=("purpose",), name="allotments_one_purpose")
        ),
        ops.AddConstraint(
            model_name="Allotment",
            constraint=CheckConstraint(check="units_free >= 0 AND units_returned >= 0", name="allotments_not_negative"),
        ),
        ops.AddConstraint(
            model_name="Allotment",
            constraint=CheckConstraint(
                check="units_free + units_returned <= units_total", name="allotments_within_total"
            ),
        ),
        ops.CreateModel(
            name="Campaign",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("code", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("from_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("until_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("budget_points", fields.BigIntField(null=True)),
                ("outlet_points_max", fields.BigIntField(null=True)),
                ("outlet_day_points_max", fields.BigIntField(null=True)),
                ("spent_points", fields.BigIntField(db_default=0)),
                ("warned_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("stopped_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("made_by", fields.TextField(unique=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "campaigns",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "Something marketing runs for a while, with caps and a budget of points.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Campaign", constraint=UniqueConstraint(fields=("code",), name="campaigns_one_code")
        ),
        ops.AddConstraint(
            model_name="Campaign",
            constraint=CheckConstraint(check="until_at > from_at", name="campaigns_end_after_start"),
        ),
        ops.AddConstraint(
            model_name="Campaign",
            constraint=CheckConstraint(
                check="spent_points >= 0 AND (budget_points IS NULL OR spent_points <= budget_points)",
                name="campaigns_within_budget",
            ),
        ),
        ops.AddConstraint(
            model_name="Campaign",
            constraint=CheckConstraint(
                check="budget_points > 0 AND outlet_points_max > 0 AND outlet_day_points_max > 0",
                name="campaigns_limits_positive",
            ),
        ),
        ops.CreateModel(
            name="CappedPoints",
            fields=[
                ("outlet_id", fields.BigIntField()),
                ("scope", fields.TextField(unique=False)),
                ("on_date", fields.DateField()),
                ("points", fields.BigIntField()),
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
            ],
            options={
                "table": "capped_points",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "What an outlet has earned on a business date under a cap.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="CappedPoints",
            constraint=UniqueConstraint(fields=("outlet_id", "scope", "on_date"), name="capped_points_one_each"),
        ),
        ops.AddConstraint(
            model_name="CappedPoints",
            constraint=CheckConstraint(check="points >= 0", name="capped_points_not_negative"),
        ),
        ops.CreateModel(
            name="Entitlement",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("member_id", fields.BigIntField(null=True)),
                ("reward_id", fields.BigIntField(null=True)),
                ("type", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("terms", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("allotment_id", fields.BigIntField(null=True)),
                ("source_kind", fields.TextField(unique=False)),
                ("source_id", fields.TextField(unique=False)),
                ("state", fields.TextField(unique=False)),
                ("granted_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("held_by", fields.TextField(null=True, unique=False)),
                ("held_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "entitlements",
                "app": "leketong",
                "indexes": [Index(fields=["outlet_id", "id"], name="entitlements_by_outlet")],
                "pk_attr": "id",
                "table_description": "A right to a coupon, a gift or a price that an outlet holds, from its grant until it is used or lapses.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Entitlement",
            constraint=UniqueConstraint(fields=("source_id", "source_kind"), name="entitlements_granted_once"),
        ),
        ops.AddConstraint(
            model_name="Entitlement",
            constraint=CheckConstraint(check="type IN ('coupon', 'gift', 'price')", name="entitlements_type"),
        ),
        ops.AddConstraint(
            model_name="Entitlement",
            constraint=CheckConstraint(
                check="state IN ('free', 'held', 'redeemed', 'lapsed', 'cancelled')", name="entitlements_state"
            ),
        ),
        ops.AddConstraint(
            model_name="Entitlement",
            constraint=CheckConstraint(
                check="(state IN ('held', 'redeemed')) = (held_by IS NOT NULL) AND (held_by IS NULL) = (held_at IS NULL)",
                name="entitlements_held_whole",
            ),
        ),
        ops.AddConstraint(
            model_name="Entitlement",
            constraint=CheckConstraint(
                check="(state IN ('redeemed', 'lapsed', 'cancelled')) = (ended_at IS NOT NULL)",
                name="entitlements_end_whole",
            ),
        ),
        ops.AddConstraint(
            model_name="Entitlement",
            constraint=CheckConstraint(check="expires_at > granted_at", name="entitlements_live"),
        ),
        ops.CreateModel(
            name="RedemptionRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("member_id", fields.BigIntField()),
                ("reward_id", fields.BigIntField()),
                ("cost_points", fields.BigIntField()),
                ("idempotency_key", fields.TextField(unique=False)),
                ("input_hash", fields.BinaryField()),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("cancelled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "redemptions",
                "app": "leketong",
                "indexes": [
                    Index(fields=["outlet_id", "reward_id"], name="redemptions_by_outlet"),
                    Index(fields=["reward_id", "at"], name="redemptions_by_reward"),
                ],
                "pk_attr": "id",
                "table_description": "Points that a member has turned into a reward.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="RedemptionRow",
            constraint=UniqueConstraint(fields=("member_id", "idempotency_key"), name="redemptions_idempotency"),
        ),
        ops.AddConstraint(
            model_name="RedemptionRow",
            constraint=CheckConstraint(check="cost_points > 0", name="redemptions_cost_positive"),
        ),
        ops.CreateModel(
            name="RewardPicture",
            fields=[
                ("digest", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("content_type", fields.TextField(unique=False)),
                ("content", fields.BinaryField()),
                ("made_by", fields.TextField(unique=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "reward_pictures",
                "app": "leketong",
                "pk_attr": "digest",
                "table_description": "A picture that staff have uploaded, named by the hash of what it is.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="RewardPicture",
            constraint=CheckConstraint(
                check="content_type IN ('image/png', 'image/jpeg', 'image/webp')", name="reward_pictures_type"
            ),
        ),
        ops.AddConstraint(
            model_name="RewardPicture",
            constraint=CheckConstraint(check="octet_length(content) <= 524288", name="reward_pictures_small"),
        ),
        ops.CreateModel(
            name="Reward",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("type", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("description", fields.TextField(unique=False)),
                (
                    "picture",
                    fields.ForeignKeyField(
                        "leketong.RewardPicture",
                        source_field="picture_id",
                        null=True,
                        db_constraint=True,
                        to_field="digest",
                        related_name="rewards",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("terms", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("cost_points", fields.BigIntField(null=True)),
                ("cost_fen", fields.BigIntField()),
                ("allotment_id", fields.BigIntField(null=True)),
                ("campaign_id", fields.BigIntField(null=True)),
                ("outlet_max", fields.IntField(null=True)),
                ("outlet_month_max", fields.IntField(null=True)),
                ("plants", ArrayField(element_type="TEXT")),
                ("value_classes", ArrayField(element_type="TEXT")),
                ("tags", ArrayField(element_type="TEXT")),
                ("from_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("until_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("days_valid", fields.IntField()),
                ("state", fields.TextField(unique=False)),
                ("version", fields.IntField(db_default=1)),
                ("made_by", fields.TextField(unique=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "rewards",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "Something in the catalogue that points buy, or that a game or staff may grant.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Reward",
            constraint=CheckConstraint(check="type IN ('points', 'coupon', 'gift', 'price')", name="rewards_type"),
        ),
        ops.AddConstraint(
            model_name="Reward",
            constraint=CheckConstraint(check="state IN ('draft', 'live', 'paused', 'ended')", name="rewards_state"),
        ),
        ops.AddConstraint(
            model_name="Reward",
            constraint=CheckConstraint(
                check="cost_points > 0 AND outlet_max > 0 AND outlet_month_max > 0", name="rewards_limits_positive"
            ),
        ),
        ops.AddConstraint(
            model_name="Reward",
            constraint=CheckConstraint(
                check="cost_fen >= 0 AND days_valid BETWEEN 1 AND 366", name="rewards_cost_and_life"
            ),
        ),
        ops.AddConstraint(
            model_name="Reward", constraint=CheckConstraint(check="until_at > from_at", name="rewards_end_after_start")
        ),
        ops.AddConstraint(
            model_name="Reward",
            constraint=CheckConstraint(
                check="type <> 'points' OR cost_points IS NULL", name="rewards_points_are_not_sold"
            ),
        ),
        ops.CreateModel(
            name="RuleVersion",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("book", fields.TextField(unique=False)),
                ("effective_on", fields.DateField()),
                ("body", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("made_by", fields.TextField(unique=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("reason", fields.TextField(unique=False)),
                ("withdrawn_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "rule_versions",
                "app": "leketong",
                "indexes": [Index(fields=["book", "effective_on"], name="rule_versions_by_book")],
                "pk_attr": "id",
                "table_description": "A version of a rule book, in force from the start of ``effective_on`` until the next one's. Never changed.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="RuleVersion",
            constraint=UniqueConstraint(
                fields=("book", "effective_on"), name="rule_versions_one_a_day", condition="withdrawn_at IS NULL"
            ),
        ),
        ops.AddConstraint(
            model_name="RuleVersion", constraint=CheckConstraint(check="reason <> ''", name="rule_versions_reasoned")
        ),
        ops.RemoveConstraint(
            model_name="LedgerEntry",
            name="ledger_entries_kind",
            fields=None,
        ),
        ops.RemoveConstraint(
            model_name="LedgerEntry",
            name="ledger_entries_accrual_positive",
            fields=None,
        ),
        ops.RemoveConstraint(
            model_name="LedgerEntry",
            name="ledger_entries_repaid_within_points",
            fields=None,
        ),
        ops.AlterModelOptions(
            name="LedgerEntry",
            options={
                "table": "ledger_entries",
                "app": "leketong",
                "constraints": [
                    UniqueConstraint(fields=("source_id", "source_kind", "kind"), name="ledger_entries_paid_once"),
                    CheckConstraint(
                        check="CASE kind\n                    WHEN 'pending' THEN points = 0 AND owed_change = 0 AND pending_change > 0\n                    WHEN 'accrual' THEN points > 0 AND owed_change BETWEEN -points AND 0\n                                        AND pending_change IN (0, -points)\n                    WHEN 'redemption' THEN points < 0 AND owed_change = 0 AND pending_change = 0\n                    WHEN 'expiry' THEN points < 0 AND owed_change = 0 AND pending_change = 0\n                    WHEN 'reversal' THEN of_entry_id IS NOT NULL AND points + pending_change <> 0 AND\n                        CASE WHEN points > 0 THEN pending_change = 0 AND owed_change BETWEEN -points AND 0\n                             ELSE pending_change <= 0 AND owed_change BETWEEN 0 AND -points END\n                    WHEN 'adjustment' THEN points <> 0 AND pending_change = 0 AND\n                        CASE WHEN points > 0 THEN owed_change BETWEEN -points AND 0 ELSE owed_change = 0 END\n                    ELSE false END",
                        name="ledger_entries_kind",
                    ),
                    CheckConstraint(
                        check="CASE WHEN lot_dates IS NULL THEN lot_points IS NULL AND (expires_on IS NOT NULL OR points + owed_change = 0) ELSE expires_on IS NULL AND cardinality(lot_dates) > 1 AND cardinality(lot_points) = cardinality(lot_dates) END",
                        name="ledger_entries_names_its_lots",
                    ),
                ],
                "indexes": [Index(fields=["outlet_id", "id"], name="ledger_entries_by_outlet")],
                "pk_attr": "id",
                "table_description": "One change of an outlet's points. Never changed, never deleted; a trigger refuses.",
            },
        ),
        ops.RenameField(
            model_name="LedgerEntry",
            old_name="owed_repaid",
            new_name="owed_change",
        ),
        ops.RunSQL(sql=BEFORE, reverse_sql=""),
        ops.DeleteModel(name="CheckinLadder"),
        ops.AddField(
            model_name="LedgerEntry",
            name="campaign_id",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="LedgerEntry",
            name="lot_dates",
            field=ArrayField(null=True, element_type="DATE"),
        ),
        ops.AddField(
            model_name="LedgerEntry",
            name="lot_points",
            field=ArrayField(null=True, element_type="BIGINT"),
        ),
        ops.AddField(
            model_name="LedgerEntry",
            name="of_entry_id",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="LedgerEntry",
            name="pending_change",
            field=fields.BigIntField(db_default=0),
        ),
        ops.AddField(
            model_name="LedgerEntry",
            name="terms_id",
            field=fields.BigIntField(null=True),
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=CheckConstraint(
                check="CASE kind\n                    WHEN 'pending' THEN points = 0 AND owed_change = 0 AND pending_change > 0\n                    WHEN 'accrual' THEN points > 0 AND owed_change BETWEEN -points AND 0\n                                        AND pending_change IN (0, -points)\n                    WHEN 'redemption' THEN points < 0 AND owed_change = 0 AND pending_change = 0\n                    WHEN 'expiry' THEN points < 0 AND owed_change = 0 AND pending_change = 0\n                    WHEN 'reversal' THEN of_entry_id IS NOT NULL AND points + pending_change <> 0 AND\n                        CASE WHEN points > 0 THEN pending_change = 0 AND owed_change BETWEEN -points AND 0\n                             ELSE pending_change <= 0 AND owed_change BETWEEN 0 AND -points END\n                    WHEN 'adjustment' THEN points <> 0 AND pending_change = 0 AND\n                        CASE WHEN points > 0 THEN owed_change BETWEEN -points AND 0 ELSE owed_change = 0 END\n                    ELSE false END",
                name="ledger_entries_kind",
            ),
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=CheckConstraint(
                check="CASE WHEN lot_dates IS NULL THEN lot_points IS NULL AND (expires_on IS NOT NULL OR points + owed_change = 0) ELSE expires_on IS NULL AND cardinality(lot_dates) > 1 AND cardinality(lot_points) = cardinality(lot_dates) END",
                name="ledger_entries_names_its_lots",
            ),
        ),
        ops.AlterModelOptions(
            name="PointsAccount",
            options={
                "table": "points_accounts",
                "app": "leketong",
                "constraints": [
                    CheckConstraint(check="balance >= 0", name="points_accounts_balance_not_negative"),
                    CheckConstraint(check="pending >= 0", name="points_accounts_pending_not_negative"),
                    CheckConstraint(check="owed >= 0", name="points_accounts_owed_not_negative"),
                ],
                "pk_attr": "outlet_id",
                "table_description": "What an outlet has, as a cache of its entries that only the ledger's own statements change.",
            },
        ),
        ops.AlterModelOptions(
            name="PointsLot",
            options={
                "table": "points_lots",
                "app": "leketong",
                "constraints": [
                    UniqueConstraint(fields=("outlet_id", "expires_on"), name="points_lots_one_per_day"),
                    CheckConstraint(check="points_left >= 0", name="points_lots_not_negative"),
                ],
                "indexes": [Index(fields=["expires_on"], name="points_lots_by_day")],
                "pk_attr": "id",
                "table_description": "The points of an outlet that expire on one day; spent soonest first. Deleted when it expires.",
            },
        ),
        ops.AddIndex(
            model_name="PointsLot",
            index=Index(fields=["expires_on"], name="points_lots_by_day"),
        ),
        ops.RunSQL(sql=AFTER, reverse_sql=""),
    ]
