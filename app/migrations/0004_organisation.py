"""The organisation as a dated tree, staff with dated grants, sessions, the audit, reps' outlets, tags.

A node's parent has the kind that the node asks for, held by a foreign key on id and kind, so a plant cannot hang under a
route. The closure table answers who is below whom in one look; it refuses a node below itself. Nothing overlaps in time
that must not: two places of a node, two grants of one role, two reps of an outlet. Audit entries cannot be changed.
"""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

from loyalty.customers.rules import initials

PLANTS_UNDER_ONE_GROUP = """
    INSERT INTO organisation_nodes (kind, code, name, confirmed_at, created_at)
    VALUES ('group', 'HQ', '集团总部', now(), now());
    UPDATE organisation_nodes n SET parent_id = p.id, parent_kind = 'group'
      FROM organisation_nodes p WHERE n.kind = 'plant' AND p.kind = 'group';
    UPDATE organisation_nodes n SET parent_kind = p.kind
      FROM organisation_nodes p WHERE p.id = n.parent_id AND n.parent_kind IS NULL;
"""

WHAT_TORTOISE_HAS_NO_WORDS_FOR = """
    ALTER TABLE organisation_nodes ADD CONSTRAINT organisation_nodes_parent
        FOREIGN KEY (parent_id, parent_kind) REFERENCES organisation_nodes (id, kind);
    CREATE TABLE organisation_closure (
        ancestor_id bigint NOT NULL REFERENCES organisation_nodes,
        descendant_id bigint NOT NULL REFERENCES organisation_nodes,
        depth int NOT NULL,
        PRIMARY KEY (ancestor_id, descendant_id),
        CONSTRAINT organisation_closure_no_cycle CHECK (depth >= 0 AND (depth = 0) = (ancestor_id = descendant_id))
    );
    CREATE INDEX organisation_closure_by_descendant ON organisation_closure (descendant_id, depth);
    WITH RECURSIVE below AS (
        SELECT id AS ancestor_id, id AS descendant_id, 0 AS depth FROM organisation_nodes
        UNION ALL
        SELECT b.ancestor_id, n.id, b.depth + 1 FROM below b JOIN organisation_nodes n ON n.parent_id = b.descendant_id
    ) INSERT INTO organisation_closure SELECT * FROM below;
    ALTER TABLE organisation_placements
        ADD CONSTRAINT organisation_placements_node FOREIGN KEY (node_id) REFERENCES organisation_nodes,
        ADD CONSTRAINT organisation_placements_parent FOREIGN KEY (parent_id) REFERENCES organisation_nodes,
        ADD CONSTRAINT organisation_placements_one_at_a_time EXCLUDE USING gist
            (int8range(node_id, node_id, '[]') WITH &&, tstzrange(from_at, until_at) WITH &&);
    INSERT INTO organisation_placements (node_id, parent_id, from_at, placed_by)
    SELECT id, parent_id, created_at, 'migration' FROM organisation_nodes WHERE parent_id IS NOT NULL;
    ALTER TABLE staff_grants
        ADD CONSTRAINT staff_grants_staff FOREIGN KEY (staff_id) REFERENCES staff,
        ADD CONSTRAINT staff_grants_node FOREIGN KEY (node_id) REFERENCES organisation_nodes,
        ADD CONSTRAINT staff_grants_once_at_a_time EXCLUDE USING gist (
            int8range(staff_id, staff_id, '[]') WITH &&, int8range(node_id, node_id, '[]') WITH &&,
            int4range(array_position({ROLES}, role), array_position({ROLES}, role), '[]') WITH &&,
            tstzrange(from_at, until_at) WITH &&);
    ALTER TABLE staff_sessions ADD CONSTRAINT staff_sessions_staff FOREIGN KEY (staff_id) REFERENCES staff;
    ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_node FOREIGN KEY (node_id) REFERENCES organisation_nodes;
    CREATE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit entries are never changed or deleted';
    END $$;
    CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
        FOR EACH ROW EXECUTE FUNCTION audit_entries_stay();
    ALTER TABLE outlet_tags ADD CONSTRAINT outlet_tags_outlet FOREIGN KEY (outlet_id) REFERENCES outlets;
    ALTER TABLE outlet_assignments
        ADD CONSTRAINT outlet_assignments_outlet FOREIGN KEY (outlet_id) REFERENCES outlets,
        ADD CONSTRAINT outlet_assignments_staff FOREIGN KEY (staff_id) REFERENCES staff,
        ADD CONSTRAINT outlet_assignments_one_rep EXCLUDE USING gist
            (int8range(outlet_id, outlet_id, '[]') WITH &&, tstzrange(from_at, until_at) WITH &&);
    ALTER TABLE outlets ADD COLUMN place_id bigint NOT NULL
        GENERATED ALWAYS AS (coalesce(route_id, office_id, plant_id)) STORED;
    CREATE INDEX outlets_by_place ON outlets (place_id, code);
    -- A prefix is looked up in an index whatever the database's collation.
    CREATE INDEX outlets_by_code_prefix ON outlets (code text_pattern_ops);
    CREATE INDEX outlets_by_name_prefix ON outlets (name text_pattern_ops);
    CREATE INDEX outlets_by_initials ON outlets (name_initials text_pattern_ops);
    -- One outlet's story, for its page.
    CREATE INDEX event_log_by_subject ON event_log (subject, occurred_at);
"""

UNDONE = """
    DROP INDEX event_log_by_subject;
    ALTER TABLE outlets DROP COLUMN place_id;
    DROP INDEX outlets_by_code_prefix, outlets_by_name_prefix, outlets_by_initials;
    DROP TRIGGER audit_entries_stay ON audit_entries;
    DROP FUNCTION audit_entries_stay;
    DROP TABLE organisation_closure;
    ALTER TABLE organisation_nodes DROP CONSTRAINT organisation_nodes_parent;
"""
NODE_RULES: list[UniqueConstraint | CheckConstraint] = [
    UniqueConstraint(fields=("code",), name="organisation_nodes_one_plant", condition="kind = 'plant'"),
    UniqueConstraint(fields=("code",), name="organisation_nodes_one_group", condition="kind = 'group'"),
    UniqueConstraint(
        fields=("parent_id", "kind", "code"),
        name="organisation_nodes_one_child",
        condition="kind IN ('office', 'route')",
    ),
    UniqueConstraint(fields=("kind",), name="organisation_nodes_one_root", condition="parent_id IS NULL"),
    UniqueConstraint(fields=("id", "kind"), name="organisation_nodes_with_kind"),
    CheckConstraint(
        check="(parent_id IS NULL) = (parent_kind IS NULL) AND coalesce(parent_kind, '-') = ANY (CASE kind"
        " WHEN 'group' THEN ARRAY['-', 'group'] WHEN 'plant' THEN ARRAY['group']"
        " WHEN 'office' THEN ARRAY['plant'] WHEN 'route' THEN ARRAY['plant', 'office'] END)",
        name="organisation_nodes_under_its_kind",
    ),
    CheckConstraint(check="kind IN ('group', 'plant', 'office', 'route')", name="organisation_nodes_known_kind"),
]
WRITTEN_MAX = 10_000
ROLES = "ARRAY['admin', 'plant_lead', 'operator', 'marketer', 'checker', 'rep', 'supervisor']"


async def write_initials(_apps: StateApps, editor: BaseSchemaEditor) -> None:
    """Write the initials of the outlets that there are, some thousands at a time."""
    last = 0
    while rows := await editor.client.execute_query_dict(
        "SELECT id, name FROM outlets WHERE id > $1 ORDER BY id LIMIT $2", [last, WRITTEN_MAX]
    ):
        await editor.client.execute_query(
            "UPDATE outlets o SET name_initials = g.initials"
            " FROM unnest($1::bigint[], $2::text[]) AS g(id, initials) WHERE o.id = g.id",
            [[row["id"] for row in rows], [initials(row["name"]) for row in rows]],
        )
        last = rows[-1]["id"]


class Migration(migrations.Migration):
    """Tables, then what Tortoise has no words for."""

    dependencies = [("leketong", "0003_checkin_streaks")]

    operations = [
        ops.CreateModel(
            name="Assignment",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("staff_id", fields.BigIntField()),
                ("from_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("until_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("source", fields.TextField(unique=False)),
            ],
            options={
                "table": "outlet_assignments",
                "app": "leketong",
                "indexes": [Index(fields=["staff_id"], name="outlet_assignments_by_staff")],
                "pk_attr": "id",
                "table_description": "A rep looks after an outlet, from ``from_at`` until before ``until_at``; one rep at a time.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Assignment",
            constraint=UniqueConstraint(
                fields=("outlet_id",), name="outlet_assignments_one_open", condition="until_at IS NULL"
            ),
        ),
        ops.AddConstraint(
            model_name="Assignment",
            constraint=CheckConstraint(check="until_at >= from_at", name="outlet_assignments_end_after_start"),
        ),
        ops.CreateModel(
            name="AuditRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("actor_kind", fields.TextField(unique=False)),
                ("actor_id", fields.TextField(unique=False)),
                ("actor_name", fields.TextField(unique=False)),
                ("action", fields.TextField(unique=False)),
                ("subject_kind", fields.TextField(unique=False)),
                ("subject_id", fields.TextField(unique=False)),
                ("node_id", fields.BigIntField(null=True)),
                (
                    "before",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                (
                    "after",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                ("reason", fields.TextField(unique=False)),
            ],
            options={
                "table": "audit_entries",
                "app": "leketong",
                "indexes": [
                    Index(fields=["subject_kind", "subject_id", "id"], name="audit_entries_by_subject"),
                    Index(fields=["actor_kind", "actor_id", "id"], name="audit_entries_by_actor"),
                    Index(fields=["at"], name="audit_entries_by_time"),
                ],
                "pk_attr": "id",
                "table_description": "Who changed what, or was refused, when, with before and after. A trigger refuses to change or delete one.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="AuditRow",
            constraint=CheckConstraint(
                check="actor_kind IN ('staff', 'system', 'command', 'nobody')", name="audit_entries_actor"
            ),
        ),
        ops.CreateModel(
            name="OutletTag",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("tag", fields.TextField(unique=False)),
                ("source", fields.TextField(unique=False)),
                ("since", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "outlet_tags",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A tag that a source has put on an outlet. Each source keeps its own set; the outlet has them all.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="OutletTag",
            constraint=UniqueConstraint(fields=("outlet_id", "source", "tag"), name="outlet_tags_once_a_source"),
        ),
        ops.AddConstraint(
            model_name="OutletTag", constraint=CheckConstraint(check="tag <> ''", name="outlet_tags_named")
        ),
        ops.CreateModel(
            name="Placement",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("node_id", fields.BigIntField()),
                ("parent_id", fields.BigIntField()),
                ("from_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("until_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("placed_by", fields.TextField(unique=False)),
            ],
            options={
                "table": "organisation_placements",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "Where a node hung in the tree, from when until when. The open one of a node is its place now.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Placement",
            constraint=CheckConstraint(check="until_at >= from_at", name="organisation_placements_end_after_start"),
        ),
        ops.CreateModel(
            name="StaffGrant",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("staff_id", fields.BigIntField()),
                ("role", fields.TextField(unique=False)),
                ("node_id", fields.BigIntField()),
                ("from_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("until_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("granted_by", fields.TextField(unique=False)),
            ],
            options={
                "table": "staff_grants",
                "app": "leketong",
                "indexes": [Index(fields=["node_id"], name="staff_grants_by_node")],
                "pk_attr": "id",
                "table_description": "A role of a staff member at a node and all below it, from ``from_at`` until before ``until_at``.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="StaffGrant",
            constraint=CheckConstraint(
                check="role IN ('admin', 'plant_lead', 'operator', 'marketer', 'checker', 'rep', 'supervisor')",
                name="staff_grants_role",
            ),
        ),
        ops.AddConstraint(
            model_name="StaffGrant",
            constraint=CheckConstraint(check="until_at >= from_at", name="staff_grants_end_after_start"),
        ),
        ops.CreateModel(
            name="StaffMember",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("code", fields.TextField(unique=False)),
                ("login", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("source", fields.TextField(unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("left_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("password_hash", fields.TextField(null=True, unique=False)),
                ("password_changed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("password_is_temporary", fields.BooleanField(db_default=True)),
                ("tries", fields.IntField(db_default=0)),
                ("locked_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("last_login_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "staff",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A person who works with us: found by the staff code that the SFA knows them by, which they also log in with.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="StaffMember", constraint=UniqueConstraint(fields=("login",), name="staff_one_login")
        ),
        ops.AddConstraint(
            model_name="StaffMember",
            constraint=CheckConstraint(check="login = lower(code)", name="staff_login_is_the_code"),
        ),
        ops.AddConstraint(
            model_name="StaffMember", constraint=CheckConstraint(check="tries >= 0", name="staff_tries_not_negative")
        ),
        ops.CreateModel(
            name="StaffSession",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("token_hash", fields.BinaryField()),
                ("staff_id", fields.BigIntField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_by", fields.TextField(null=True, unique=False)),
                ("address", fields.TextField(unique=False)),
                ("device", fields.TextField(unique=False)),
            ],
            options={
                "table": "staff_sessions",
                "app": "leketong",
                "indexes": [Index(fields=["staff_id"], name="staff_sessions_by_staff")],
                "pk_attr": "id",
                "table_description": "A browser in which a staff member is logged in. Only the hash of its cookie is kept.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="StaffSession",
            constraint=UniqueConstraint(fields=("token_hash",), name="staff_sessions_one_hash"),
        ),
        ops.AddConstraint(
            model_name="StaffSession",
            constraint=CheckConstraint(check="octet_length(token_hash) = 32", name="staff_sessions_hash_is_sha256"),
        ),
        ops.AddConstraint(
            model_name="StaffSession",
            constraint=CheckConstraint(check="expires_at > created_at", name="staff_sessions_lives"),
        ),
        ops.AddConstraint(
            model_name="StaffSession",
            constraint=CheckConstraint(
                check="(ended_at IS NULL) = (ended_by IS NULL)", name="staff_sessions_end_whole"
            ),
        ),
        ops.RemoveConstraint(
            model_name="Binding",
            name="bindings_way",
            fields=None,
        ),
        ops.AddConstraint(
            model_name="Binding",
            constraint=CheckConstraint(
                check="way IN ('code', 'offer', 'staff') AND (way = 'code') = (binding_code_id IS NOT NULL)",
                name="bindings_way",
            ),
        ),
        ops.RemoveConstraint(model_name="Node", name="organisation_nodes_one_child"),
        ops.RemoveConstraint(model_name="Node", name="organisation_nodes_kind"),
        ops.AddField(model_name="Node", name="parent_kind", field=fields.TextField(null=True, unique=False)),
        ops.RunSQL(
            PLANTS_UNDER_ONE_GROUP,
            reverse_sql="UPDATE organisation_nodes SET parent_id = NULL WHERE kind = 'plant'; DELETE FROM organisation_nodes WHERE kind = 'group';",
        ),
        *(ops.AddConstraint(model_name="Node", constraint=rule) for rule in NODE_RULES[1:]),
        ops.AlterModelOptions(
            name="Node",
            options={
                "table": "organisation_nodes",
                "app": "leketong",
                "constraints": NODE_RULES,
                "pk_attr": "id",
                "table_description": "A group, a plant of a group, a sales office of a plant, or a route of an office (or of a plant without one).",
            },
        ),
        ops.AddField(model_name="Outlet", name="name_initials", field=fields.TextField(null=True, unique=False)),
        ops.RunPython(write_initials, ops.RunPython.noop),
        ops.AlterField(model_name="Outlet", name="name_initials", field=fields.TextField(unique=False)),
        ops.AddField(
            model_name="SystemKey",
            name="old_key_hash",
            field=fields.BinaryField(null=True),
        ),
        ops.AddField(
            model_name="SystemKey",
            name="old_key_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddConstraint(
            model_name="SystemKey",
            constraint=UniqueConstraint(fields=("old_key_hash",), name="system_keys_one_old_hash"),
        ),
        ops.AddConstraint(
            model_name="SystemKey",
            constraint=CheckConstraint(
                check="(old_key_hash IS NULL) = (old_key_until IS NULL)", name="system_keys_old_key_whole"
            ),
        ),
        ops.RunSQL(WHAT_TORTOISE_HAS_NO_WORDS_FOR.replace("{ROLES}", ROLES), reverse_sql=UNDONE),
    ]
