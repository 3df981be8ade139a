"""Tables of the staff module."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class StaffMember(Model):
    """A person who works with us: found by the staff code that the SFA knows them by, which they also log in with."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    login = fields.TextField()
    """The code in lower case: phones like to write capitals."""
    name = fields.TextField()
    source = fields.TextField()
    created_at = fields.DatetimeField()
    left_at = fields.DatetimeField(null=True)
    password_hash = fields.TextField(null=True)
    password_changed_at = fields.DatetimeField(null=True)
    password_is_temporary = fields.BooleanField(db_default=True)
    tries = fields.IntField(db_default=0)
    """Passwords tried since the last right one."""
    locked_until = fields.DatetimeField(null=True)
    last_login_at = fields.DatetimeField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "staff"
        constraints = (
            UniqueConstraint(fields=("login",), name="staff_one_login"),
            CheckConstraint(check="login = lower(code)", name="staff_login_is_the_code"),
            CheckConstraint(check="tries >= 0", name="staff_tries_not_negative"),
        )


class StaffGrant(Model):
    """A role of a staff member at a node and all below it, from ``from_at`` until before ``until_at``."""

    id = fields.BigIntField(primary_key=True)
    staff_id = fields.BigIntField()
    role = fields.TextField()
    node_id = fields.BigIntField()
    from_at = fields.DatetimeField()
    until_at = fields.DatetimeField(null=True)
    granted_by = fields.TextField()

    class Meta:
        """Names of the table and its rules."""

        table = "staff_grants"
        indexes = (Index(fields=("node_id",), name="staff_grants_by_node"),)
        constraints = (
            CheckConstraint(
                check="role IN ('admin', 'plant_lead', 'operator', 'marketer', 'checker', 'rep', 'supervisor')",
                name="staff_grants_role",
            ),
            CheckConstraint(check="until_at >= from_at", name="staff_grants_end_after_start"),
        )


class StaffSession(Model):
    """A browser in which a staff member is logged in. Only the hash of its cookie is kept."""

    id = fields.BigIntField(primary_key=True)
    token_hash = fields.BinaryField()
    staff_id = fields.BigIntField()
    created_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.TextField(null=True)
    address = fields.TextField()
    device = fields.TextField()

    class Meta:
        """Names of the table and its rules."""

        table = "staff_sessions"
        indexes = (Index(fields=("staff_id",), name="staff_sessions_by_staff"),)
        constraints = (
            UniqueConstraint(fields=("token_hash",), name="staff_sessions_one_hash"),
            CheckConstraint(check="octet_length(token_hash) = 32", name="staff_sessions_hash_is_sha256"),
            CheckConstraint(check="expires_at > created_at", name="staff_sessions_lives"),
            CheckConstraint(check="(ended_at IS NULL) = (ended_by IS NULL)", name="staff_sessions_end_whole"),
        )
