"""The inbox, and messages on their way through WeChat."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

WHAT_TORTOISE_HAS_NO_WORDS_FOR = """
    ALTER TABLE notices ADD CONSTRAINT notices_outlet FOREIGN KEY (outlet_id) REFERENCES outlets;
    ALTER TABLE notice_marks
        ADD CONSTRAINT notice_marks_member FOREIGN KEY (member_id) REFERENCES members,
        ADD CONSTRAINT notice_marks_outlet FOREIGN KEY (outlet_id) REFERENCES outlets;
    ALTER TABLE messages
        ADD CONSTRAINT messages_member FOREIGN KEY (member_id) REFERENCES members,
        ADD CONSTRAINT messages_outlet FOREIGN KEY (outlet_id) REFERENCES outlets;
    CREATE INDEX messages_due ON messages (due_at) WHERE state = 'queued';
    CREATE INDEX messages_ended ON messages (ended_at) WHERE state <> 'queued';
"""


class Migration(migrations.Migration):
    """Three tables."""

    dependencies = [("leketong", "0011_webhooks")]

    operations = [
        ops.CreateModel(
            name="Message",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("member_id", fields.BigIntField()),
                ("outlet_id", fields.BigIntField()),
                ("template", fields.TextField(unique=False)),
                ("about_id", fields.TextField(unique=False)),
                ("body", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("page", fields.TextField(unique=False)),
                ("state", fields.TextField(unique=False)),
                ("attempts", fields.IntField(db_default=0)),
                ("due_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("good_until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("leased_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("dedupe_key", fields.TextField(unique=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "messages",
                "app": "leketong",
                "indexes": [Index(fields=["member_id", "made_at"], name="messages_by_member")],
                "pk_attr": "id",
                "table_description": "A subscribe message on its way to a member through WeChat.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Message",
            constraint=UniqueConstraint(fields=("dedupe_key", "member_id", "template"), name="messages_once"),
        ),
        ops.AddConstraint(
            model_name="Message",
            constraint=CheckConstraint(
                check="state IN ('queued', 'sent', 'no_grant', 'refused', 'failed', 'expired', 'unsure')",
                name="messages_state",
            ),
        ),
        ops.AddConstraint(
            model_name="Message",
            constraint=CheckConstraint(check="(state = 'queued') = (ended_at IS NULL)", name="messages_end_whole"),
        ),
        ops.AddConstraint(
            model_name="Message",
            constraint=CheckConstraint(
                check="template IN ('order_status', 'shortage', 'flash_opening')", name="messages_template"
            ),
        ),
        ops.CreateModel(
            name="Notice",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("kind", fields.TextField(unique=False)),
                ("about_kind", fields.TextField(unique=False)),
                ("about_id", fields.TextField(unique=False)),
                ("title", fields.TextField(unique=False)),
                ("text", fields.TextField(unique=False)),
                ("asks", fields.BooleanField()),
                ("dedupe_key", fields.TextField(unique=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "notices",
                "app": "leketong",
                "indexes": [
                    Index(fields=["outlet_id", "id"], name="notices_by_outlet"),
                    Index(fields=["at"], name="notices_by_age"),
                ],
                "pk_attr": "id",
                "table_description": "A line of an outlet's inbox. What comes of an order takes the place of what was told of it before.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Notice", constraint=UniqueConstraint(fields=("dedupe_key",), name="notices_once")
        ),
        ops.CreateModel(
            name="NoticeMark",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("member_id", fields.BigIntField()),
                ("outlet_id", fields.BigIntField()),
                ("read_up_to", fields.BigIntField()),
            ],
            options={
                "table": "notice_marks",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "How far a member has read an outlet's inbox.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="NoticeMark",
            constraint=UniqueConstraint(fields=("member_id", "outlet_id"), name="notice_marks_one_each"),
        ),
        ops.RunSQL(sql=WHAT_TORTOISE_HAS_NO_WORDS_FOR, reverse_sql=""),
    ]
