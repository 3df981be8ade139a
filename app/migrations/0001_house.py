"""The first house: organisation, customers, points, events, check-in.

Tortoise drops the constraints of a model created in the same operation, so each follows as an operation of its own.
"""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="CheckinLadder",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("effective_on", fields.DateField()),
                ("base_points", fields.IntField()),
                ("extra_points", ArrayField(element_type="INT")),
            ],
            options={
                "table": "checkin_ladders",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A version of the ladder: what each day of a run pays, from a day on.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="CheckinLadder",
            constraint=UniqueConstraint(fields=("effective_on",), name="checkin_ladders_one_a_day"),
        ),
        ops.AddConstraint(
            model_name="CheckinLadder",
            constraint=CheckConstraint(
                check="base_points > 0 AND cardinality(extra_points) BETWEEN 1 AND 366 AND 0 <= ALL (extra_points)",
                name="checkin_ladders_pays",
            ),
        ),
        ops.CreateModel(
            name="CheckinRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("business_date", fields.DateField()),
                ("member_id", fields.BigIntField()),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("streak_days", fields.IntField()),
                ("points", fields.IntField()),
                ("ladder_id", fields.BigIntField(null=True)),
                ("idempotency_key", fields.TextField(unique=False)),
                ("input_hash", fields.BinaryField()),
            ],
            options={
                "table": "checkins",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A check-in of an outlet.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="CheckinRow",
            constraint=UniqueConstraint(fields=("outlet_id", "business_date"), name="checkins_once_a_day"),
        ),
        ops.AddConstraint(
            model_name="CheckinRow",
            constraint=UniqueConstraint(fields=("member_id", "idempotency_key"), name="checkins_idempotency"),
        ),
        ops.AddConstraint(
            model_name="CheckinRow",
            constraint=CheckConstraint(check="streak_days > 0 AND points > 0", name="checkins_positive"),
        ),
        ops.CreateModel(
            name="ConsumerCursor",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("consumer", fields.TextField(unique=False)),
                ("feed", fields.TextField(unique=False)),
                ("position", fields.BigIntField(db_default=0)),
                ("moved_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "consumer_cursors",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "How far a reaction has read a feed.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="ConsumerCursor",
            constraint=UniqueConstraint(fields=("consumer", "feed"), name="consumer_cursors_one_per_feed"),
        ),
        ops.AddConstraint(
            model_name="ConsumerCursor",
            constraint=CheckConstraint(check="position >= 0", name="consumer_cursors_position_not_negative"),
        ),
        ops.CreateModel(
            name="FeedHead",
            fields=[
                ("feed", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                ("position", fields.BigIntField(db_default=0)),
            ],
            options={
                "table": "feed_heads",
                "app": "leketong",
                "pk_attr": "feed",
                "table_description": "The last position given out in a feed.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="FeedHead",
            constraint=CheckConstraint(check="position >= 0", name="feed_heads_position_not_negative"),
        ),
        ops.CreateModel(
            name="LedgerEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("member_id", fields.BigIntField(null=True)),
                ("kind", fields.TextField(unique=False)),
                ("points", fields.BigIntField()),
                ("owed_repaid", fields.BigIntField(db_default=0)),
                ("expires_on", fields.DateField(null=True)),
                ("source_kind", fields.TextField(unique=False)),
                ("source_id", fields.TextField(unique=False)),
                ("rule", fields.TextField(unique=False)),
                ("why", fields.TextField(unique=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "ledger_entries",
                "app": "leketong",
                "indexes": [Index(fields=["outlet_id", "id"], name="ledger_entries_by_outlet")],
                "pk_attr": "id",
                "table_description": "One change of an outlet's points. Never changed, never deleted.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=UniqueConstraint(fields=("source_id", "source_kind", "kind"), name="ledger_entries_paid_once"),
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=CheckConstraint(
                check="kind IN ('accrual', 'redemption', 'expiry', 'reversal', 'adjustment')",
                name="ledger_entries_kind",
            ),
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=CheckConstraint(check="kind <> 'accrual' OR points > 0", name="ledger_entries_accrual_positive"),
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=CheckConstraint(
                check="owed_repaid >= 0 AND (owed_repaid = 0 OR owed_repaid <= points)",
                name="ledger_entries_repaid_within_points",
            ),
        ),
        ops.CreateModel(
            name="Member",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("openid", fields.TextField(null=True, unique=False)),
                ("unionid", fields.TextField(null=True, unique=False)),
                ("epoch", fields.IntField(db_default=0)),
                ("current_outlet_id", fields.BigIntField(null=True)),
                ("phone_sealed", fields.BinaryField(null=True)),
                ("phone_index", fields.BinaryField(null=True)),
                ("phone_verified_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_login_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "members",
                "app": "leketong",
                "indexes": [Index(fields=["phone_index"], name="members_by_phone")],
                "pk_attr": "id",
                "table_description": "A person with a WeChat identity.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Member", constraint=UniqueConstraint(fields=("openid",), name="members_one_openid")
        ),
        ops.AddConstraint(
            model_name="Member", constraint=UniqueConstraint(fields=("unionid",), name="members_one_unionid")
        ),
        ops.AddConstraint(
            model_name="Member",
            constraint=CheckConstraint(
                check="openid IS NOT NULL OR unionid IS NOT NULL", name="members_known_by_something"
            ),
        ),
        ops.AddConstraint(
            model_name="Member",
            constraint=CheckConstraint(
                check="(phone_sealed IS NULL) = (phone_index IS NULL) AND (phone_sealed IS NULL) = (phone_verified_at IS NULL)",
                name="members_phone_whole",
            ),
        ),
        ops.CreateModel(
            name="MessageGrant",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("openid", fields.TextField(unique=False)),
                ("template_id", fields.TextField(unique=False)),
                ("credits", fields.IntField(db_default=0)),
                ("changed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "message_grants",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "How many messages of a template a person allows us to send. One tap of permission is one message.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="MessageGrant",
            constraint=UniqueConstraint(fields=("openid", "template_id"), name="message_grants_one_each"),
        ),
        ops.AddConstraint(
            model_name="MessageGrant",
            constraint=CheckConstraint(check="credits >= 0", name="message_grants_not_negative"),
        ),
        ops.CreateModel(
            name="Node",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.TextField(unique=False)),
                ("code", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("parent_id", fields.BigIntField(null=True)),
                ("confirmed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "organisation_nodes",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A plant, a sales office of a plant, or a route of an office (or of a plant without offices).",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Node",
            constraint=UniqueConstraint(
                fields=("code",), name="organisation_nodes_one_plant", condition="kind = 'plant'"
            ),
        ),
        ops.AddConstraint(
            model_name="Node",
            constraint=UniqueConstraint(
                fields=("parent_id", "kind", "code"), name="organisation_nodes_one_child", condition="kind <> 'plant'"
            ),
        ),
        ops.AddConstraint(
            model_name="Node",
            constraint=CheckConstraint(
                check="kind IN ('plant', 'office', 'route') AND (kind = 'plant') = (parent_id IS NULL)",
                name="organisation_nodes_kind",
            ),
        ),
        ops.CreateModel(
            name="OutboxRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("event_id", fields.UUIDField()),
                ("feed", fields.TextField(unique=False)),
                ("type", fields.TextField(unique=False)),
                ("subject", fields.TextField(unique=False)),
                ("occurred_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("data", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
            ],
            options={
                "table": "outbox",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "An event that its verb has recorded and the stamper has not numbered yet.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Outlet",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("code", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("plant_id", fields.BigIntField()),
                ("office_id", fields.BigIntField(null=True)),
                ("route_id", fields.BigIntField(null=True)),
                ("address", fields.TextField(null=True, unique=False)),
                ("contact_name", fields.TextField(null=True, unique=False)),
                ("contact_phone_sealed", fields.BinaryField(null=True)),
                ("contact_phone_index", fields.BinaryField(null=True)),
                ("channel", fields.TextField(null=True, unique=False)),
                ("value_class", fields.TextField(null=True, unique=False)),
                ("value_class_source", fields.TextField(null=True, unique=False)),
                ("value_class_since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("opened_on", fields.DateField(null=True)),
                ("status", fields.TextField(unique=False)),
                ("delivery_days", ArrayField(null=True, element_type="SMALLINT")),
                ("price_list", fields.TextField(null=True, unique=False)),
                ("minimum_order_fen", fields.BigIntField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "outlets",
                "app": "leketong",
                "indexes": [
                    Index(fields=["contact_phone_index"], name="outlets_by_contact_phone"),
                    Index(fields=["plant_id"], name="outlets_by_plant"),
                ],
                "pk_attr": "id",
                "table_description": "A shop: the bottler's customer, owner of points and orders.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(model_name="Outlet", constraint=UniqueConstraint(fields=("code",), name="outlets_one_code")),
        ops.AddConstraint(
            model_name="Outlet", constraint=CheckConstraint(check="status IN ('open', 'closed')", name="outlets_status")
        ),
        ops.AddConstraint(
            model_name="Outlet",
            constraint=CheckConstraint(check="minimum_order_fen >= 0", name="outlets_minimum_order_not_negative"),
        ),
        ops.AddConstraint(
            model_name="Outlet",
            constraint=CheckConstraint(
                check="delivery_days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[]", name="outlets_delivery_days"
            ),
        ),
        ops.AddConstraint(
            model_name="Outlet",
            constraint=CheckConstraint(
                check="(contact_phone_sealed IS NULL) = (contact_phone_index IS NULL)",
                name="outlets_contact_phone_whole",
            ),
        ),
        ops.CreateModel(
            name="BindingCode",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("token_hash", fields.BinaryField()),
                (
                    "outlet",
                    fields.ForeignKeyField(
                        "leketong.Outlet",
                        source_field="outlet_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="binding_codes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("role", fields.TextField(null=True, unique=False)),
                ("medium", fields.TextField(unique=False)),
                ("made_by", fields.TextField(unique=False)),
                ("rep_name", fields.TextField(null=True, unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "binding_codes",
                "app": "leketong",
                "indexes": [Index(fields=["outlet_id"], name="binding_codes_by_outlet")],
                "pk_attr": "id",
                "table_description": "A one-time token that binds whoever holds it to an outlet. Only its hash is kept.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="BindingCode", constraint=UniqueConstraint(fields=("token_hash",), name="binding_codes_one_hash")
        ),
        ops.AddConstraint(
            model_name="BindingCode",
            constraint=CheckConstraint(check="octet_length(token_hash) = 32", name="binding_codes_hash_is_sha256"),
        ),
        ops.AddConstraint(
            model_name="BindingCode",
            constraint=CheckConstraint(check="role IN ('owner', 'clerk')", name="binding_codes_role"),
        ),
        ops.AddConstraint(
            model_name="BindingCode",
            constraint=CheckConstraint(check="medium IN ('card', 'screen')", name="binding_codes_medium"),
        ),
        ops.AddConstraint(
            model_name="BindingCode",
            constraint=CheckConstraint(check="expires_at > created_at", name="binding_codes_lives"),
        ),
        ops.CreateModel(
            name="Binding",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "outlet",
                    fields.ForeignKeyField(
                        "leketong.Outlet",
                        source_field="outlet_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="bindings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "member",
                    fields.ForeignKeyField(
                        "leketong.Member",
                        source_field="member_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="bindings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("role", fields.TextField(unique=False)),
                ("way", fields.TextField(unique=False)),
                (
                    "binding_code",
                    fields.ForeignKeyField(
                        "leketong.BindingCode",
                        source_field="binding_code_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="bindings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("consent_version", fields.TextField(unique=False)),
                ("consented_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("bound_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_by", fields.TextField(null=True, unique=False)),
                ("idempotency_key", fields.TextField(unique=False)),
                ("input_hash", fields.BinaryField()),
            ],
            options={
                "table": "bindings",
                "app": "leketong",
                "indexes": [Index(fields=["outlet_id"], name="bindings_by_outlet")],
                "pk_attr": "id",
                "table_description": "A member belongs to an outlet, from ``bound_at`` until ``ended_at``. Never deleted.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Binding",
            constraint=UniqueConstraint(
                fields=("member_id", "outlet_id"), name="bindings_one_live", condition="ended_at IS NULL"
            ),
        ),
        ops.AddConstraint(
            model_name="Binding",
            constraint=UniqueConstraint(
                fields=("outlet_id",), name="bindings_one_live_owner", condition="role = 'owner' AND ended_at IS NULL"
            ),
        ),
        ops.AddConstraint(
            model_name="Binding",
            constraint=UniqueConstraint(fields=("binding_code_id",), name="bindings_code_used_once"),
        ),
        ops.AddConstraint(
            model_name="Binding",
            constraint=UniqueConstraint(fields=("member_id", "idempotency_key"), name="bindings_idempotency"),
        ),
        ops.AddConstraint(
            model_name="Binding", constraint=CheckConstraint(check="role IN ('owner', 'clerk')", name="bindings_role")
        ),
        ops.AddConstraint(
            model_name="Binding",
            constraint=CheckConstraint(
                check="way IN ('code', 'offer') AND (way = 'code') = (binding_code_id IS NOT NULL)", name="bindings_way"
            ),
        ),
        ops.AddConstraint(
            model_name="Binding",
            constraint=CheckConstraint(check="ended_at >= bound_at", name="bindings_end_after_start"),
        ),
        ops.AddConstraint(
            model_name="Binding",
            constraint=CheckConstraint(check="(ended_at IS NULL) = (ended_by IS NULL)", name="bindings_end_whole"),
        ),
        ops.CreateModel(
            name="OutletDay",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_code", fields.TextField(unique=False)),
                ("on_date", fields.DateField()),
                ("checkins", fields.IntField(db_default=0)),
            ],
            options={
                "table": "outlet_days",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "What an outlet did on a business date, counted from events.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="OutletDay",
            constraint=UniqueConstraint(fields=("on_date", "outlet_code"), name="outlet_days_one_each"),
        ),
        ops.AddConstraint(
            model_name="OutletDay", constraint=CheckConstraint(check="checkins >= 0", name="outlet_days_not_negative")
        ),
        ops.CreateModel(
            name="PointsAccount",
            fields=[
                ("outlet_id", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("balance", fields.BigIntField(db_default=0)),
                ("pending", fields.BigIntField(db_default=0)),
                ("owed", fields.BigIntField(db_default=0)),
            ],
            options={
                "table": "points_accounts",
                "app": "leketong",
                "pk_attr": "outlet_id",
                "table_description": "What an outlet has, as a cache of its entries that only the ledger's own statement changes.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="PointsAccount",
            constraint=CheckConstraint(check="balance >= 0", name="points_accounts_balance_not_negative"),
        ),
        ops.AddConstraint(
            model_name="PointsAccount",
            constraint=CheckConstraint(check="pending >= 0", name="points_accounts_pending_not_negative"),
        ),
        ops.AddConstraint(
            model_name="PointsAccount",
            constraint=CheckConstraint(check="owed >= 0", name="points_accounts_owed_not_negative"),
        ),
        ops.CreateModel(
            name="PointsLot",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("expires_on", fields.DateField()),
                ("points_left", fields.BigIntField()),
            ],
            options={
                "table": "points_lots",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "The points of an outlet that expire on one day; spent soonest first.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="PointsLot",
            constraint=UniqueConstraint(fields=("outlet_id", "expires_on"), name="points_lots_one_per_day"),
        ),
        ops.AddConstraint(
            model_name="PointsLot",
            constraint=CheckConstraint(check="points_left >= 0", name="points_lots_not_negative"),
        ),
        ops.CreateModel(
            name="SystemKey",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.TextField(unique=False)),
                ("key_hash", fields.BinaryField()),
                ("scopes", ArrayField(element_type="TEXT")),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "system_keys",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "What another program proves itself with. Only the hash of its key is kept.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="SystemKey", constraint=UniqueConstraint(fields=("name",), name="system_keys_one_name")
        ),
        ops.AddConstraint(
            model_name="SystemKey", constraint=UniqueConstraint(fields=("key_hash",), name="system_keys_one_hash")
        ),
        ops.AddConstraint(
            model_name="SystemKey",
            constraint=CheckConstraint(check="octet_length(key_hash) = 32", name="system_keys_hash_is_sha256"),
        ),
        ops.AddConstraint(
            model_name="SystemKey",
            constraint=CheckConstraint(check="cardinality(scopes) > 0", name="system_keys_some_scope"),
        ),
        ops.CreateModel(
            name="WeChatPush",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("dedupe_key", fields.TextField(unique=False)),
                ("received_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "wechat_pushes",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A push of WeChat's that was taken in, so that its retries count once.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="WeChatPush", constraint=UniqueConstraint(fields=("dedupe_key",), name="wechat_pushes_once")
        ),
    ]
