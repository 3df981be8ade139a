"""Tables of the organisation module. ``organisation_closure``, which has no key of its own, its migration makes."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Node(Model):
    """A group, a plant of a group, a sales office of a plant, or a route of an office (or of a plant without one)."""

    id = fields.BigIntField(primary_key=True)
    kind = fields.TextField()
    code = fields.TextField()
    name = fields.TextField()
    parent_id = fields.BigIntField(null=True)
    confirmed_at = fields.DatetimeField(null=True)
    """Null while only an outlet row has named it; an administrator confirms it."""
    created_at = fields.DatetimeField()
    parent_kind = fields.TextField(null=True)
    """The parent's kind, held to it by a foreign key, so that the check of this row can speak of both."""

    class Meta:
        """Names of the table and its rules."""

        table = "organisation_nodes"
        constraints = (
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
            CheckConstraint(
                check="kind IN ('group', 'plant', 'office', 'route')", name="organisation_nodes_known_kind"
            ),
        )


class Placement(Model):
    """Where a node hung in the tree, from when until when. The open one of a node is its place now."""

    id = fields.BigIntField(primary_key=True)
    node_id = fields.BigIntField()
    parent_id = fields.BigIntField()
    from_at = fields.DatetimeField()
    until_at = fields.DatetimeField(null=True)
    placed_by = fields.TextField()

    class Meta:
        """Names of the table and its rules."""

        table = "organisation_placements"
        constraints = (CheckConstraint(check="until_at >= from_at", name="organisation_placements_end_after_start"),)


class AuditRow(Model):
    """Who changed what, or was refused, when, with before and after. A trigger refuses to change or delete one."""

    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField()
    actor_kind = fields.TextField()
    actor_id = fields.TextField()
    actor_name = fields.TextField()
    action = fields.TextField()
    subject_kind = fields.TextField()
    subject_id = fields.TextField()
    node_id = fields.BigIntField(null=True)
    """Where in the organisation it happened: only those whose grant reaches the node see it; null for the whole."""
    before = fields.JSONField[dict[str, object] | None](null=True)
    after = fields.JSONField[dict[str, object] | None](null=True)
    reason = fields.TextField()

    class Meta:
        """Names of the table and its rules."""

        table = "audit_entries"
        indexes = (
            Index(fields=("subject_kind", "subject_id", "id"), name="audit_entries_by_subject"),
            Index(fields=("actor_kind", "actor_id", "id"), name="audit_entries_by_actor"),
            Index(fields=("at",), name="audit_entries_by_time"),
        )
        constraints = (
            CheckConstraint(check="actor_kind IN ('staff', 'system', 'command', 'nobody')", name="audit_entries_actor"),
        )


class SystemKey(Model):
    """What another program proves itself with. Only the hash of its key is kept."""

    id = fields.BigIntField(primary_key=True)
    name = fields.TextField()
    key_hash = fields.BinaryField()
    scopes: fields.Field[list[str]] = ArrayField(element_type="text")
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    old_key_hash = fields.BinaryField(null=True)
    """The key before the last rotation, which still opens until ``old_key_until``."""
    old_key_until = fields.DatetimeField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "system_keys"
        constraints = (
            UniqueConstraint(fields=("name",), name="system_keys_one_name"),
            UniqueConstraint(fields=("key_hash",), name="system_keys_one_hash"),
            UniqueConstraint(fields=("old_key_hash",), name="system_keys_one_old_hash"),
            CheckConstraint(check="octet_length(key_hash) = 32", name="system_keys_hash_is_sha256"),
            CheckConstraint(check="cardinality(scopes) > 0", name="system_keys_some_scope"),
            CheckConstraint(check="(old_key_hash IS NULL) = (old_key_until IS NULL)", name="system_keys_old_key_whole"),
        )
