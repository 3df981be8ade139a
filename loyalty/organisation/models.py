"""Tables of the organisation module."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Node(Model):
    """A plant, a sales office of a plant, or a route of an office (or of a plant without offices)."""

    id = fields.BigIntField(primary_key=True)
    kind = fields.TextField()
    code = fields.TextField()
    name = fields.TextField()
    parent_id = fields.BigIntField(null=True)
    confirmed_at = fields.DatetimeField(null=True)
    """Null while only an outlet row has named it; an administrator confirms it."""
    created_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "organisation_nodes"
        constraints = (
            UniqueConstraint(fields=("code",), name="organisation_nodes_one_plant", condition="kind = 'plant'"),
            UniqueConstraint(
                fields=("parent_id", "kind", "code"), name="organisation_nodes_one_child", condition="kind <> 'plant'"
            ),
            CheckConstraint(
                check="kind IN ('plant', 'office', 'route') AND (kind = 'plant') = (parent_id IS NULL)",
                name="organisation_nodes_kind",
            ),
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

    class Meta:
        """Names of the table and its rules."""

        table = "system_keys"
        constraints = (
            UniqueConstraint(fields=("name",), name="system_keys_one_name"),
            UniqueConstraint(fields=("key_hash",), name="system_keys_one_hash"),
            CheckConstraint(check="octet_length(key_hash) = 32", name="system_keys_hash_is_sha256"),
            CheckConstraint(check="cardinality(scopes) > 0", name="system_keys_some_scope"),
        )
