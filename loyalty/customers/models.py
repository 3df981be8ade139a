"""Tables of the customers module."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model


class Outlet(Model):
    """A shop: the bottler's customer, owner of points and orders."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    name = fields.TextField()
    plant_id = fields.BigIntField()
    office_id = fields.BigIntField(null=True)
    route_id = fields.BigIntField(null=True)
    address = fields.TextField(null=True)
    contact_name = fields.TextField(null=True)
    contact_phone_sealed = fields.BinaryField(null=True)
    contact_phone_index = fields.BinaryField(null=True)
    channel = fields.TextField(null=True)
    value_class = fields.TextField(null=True)
    value_class_source = fields.TextField(null=True)
    value_class_since = fields.DatetimeField(null=True)
    opened_on = fields.DateField(null=True)
    status = fields.TextField()
    delivery_days: fields.Field[list[int] | None] = ArrayField(element_type="smallint", null=True)
    price_list = fields.TextField(null=True)
    minimum_order_fen = fields.BigIntField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    name_initials = fields.TextField()
    """The first letters of the name's pinyin, as people type who look for it."""

    class Meta:
        """Names of the table and its rules."""

        table = "outlets"
        indexes = (
            Index(fields=("contact_phone_index",), name="outlets_by_contact_phone"),
            Index(fields=("plant_id",), name="outlets_by_plant"),
        )
        constraints = (
            UniqueConstraint(fields=("code",), name="outlets_one_code"),
            CheckConstraint(check="status IN ('open', 'closed')", name="outlets_status"),
            CheckConstraint(check="minimum_order_fen >= 0", name="outlets_minimum_order_not_negative"),
            CheckConstraint(
                check="delivery_days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[]", name="outlets_delivery_days"
            ),
            CheckConstraint(
                check="(contact_phone_sealed IS NULL) = (contact_phone_index IS NULL)",
                name="outlets_contact_phone_whole",
            ),
        )


class OutletTag(Model):
    """A tag that a source has put on an outlet. Each source keeps its own set; the outlet has them all."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    tag = fields.TextField()
    source = fields.TextField()
    since = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "outlet_tags"
        constraints = (
            UniqueConstraint(fields=("outlet_id", "source", "tag"), name="outlet_tags_once_a_source"),
            CheckConstraint(check="tag <> ''", name="outlet_tags_named"),
        )


class Assignment(Model):
    """A rep looks after an outlet, from ``from_at`` until before ``until_at``; one rep at a time."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    staff_id = fields.BigIntField()
    from_at = fields.DatetimeField()
    until_at = fields.DatetimeField(null=True)
    source = fields.TextField()

    class Meta:
        """Names of the table and its rules."""

        table = "outlet_assignments"
        indexes = (Index(fields=("staff_id",), name="outlet_assignments_by_staff"),)
        constraints = (
            UniqueConstraint(fields=("outlet_id",), name="outlet_assignments_one_open", condition="until_at IS NULL"),
            CheckConstraint(check="until_at >= from_at", name="outlet_assignments_end_after_start"),
        )


class PlaceCount(Model):
    """How many open outlets a place has, as counted some minutes ago: a page must not count two million."""

    place_id = fields.BigIntField(primary_key=True, generated=False)
    outlets = fields.IntField()
    bound = fields.IntField()
    new = fields.IntField()
    """Those that master data brought within the last seven days."""
    counted_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "place_counts"
        constraints = (
            CheckConstraint(check="bound BETWEEN 0 AND outlets AND new BETWEEN 0 AND outlets", name="place_counts_fit"),
        )


class PlaceDay(Model):
    """How many bindings were made at the outlets of a place on a business date, as counted some minutes ago."""

    id = fields.BigIntField(primary_key=True)
    place_id = fields.BigIntField()
    on_date = fields.DateField()
    bindings = fields.IntField()

    class Meta:
        """Names of the table and its rules."""

        table = "place_days"
        constraints = (UniqueConstraint(fields=("place_id", "on_date"), name="place_days_one_each"),)


class Member(Model):
    """A person with a WeChat identity."""

    id = fields.BigIntField(primary_key=True)
    openid = fields.TextField(null=True)
    """Null only for a member carried over by unionid who has not logged in yet."""
    unionid = fields.TextField(null=True)
    epoch = fields.IntField(db_default=0)
    """Raised to end every session of the member at once."""
    current_outlet_id = fields.BigIntField(null=True)
    phone_sealed = fields.BinaryField(null=True)
    phone_index = fields.BinaryField(null=True)
    phone_verified_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    last_login_at = fields.DatetimeField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "members"
        indexes = (Index(fields=("phone_index",), name="members_by_phone"),)
        constraints = (
            UniqueConstraint(fields=("openid",), name="members_one_openid"),
            UniqueConstraint(fields=("unionid",), name="members_one_unionid"),
            CheckConstraint(check="openid IS NOT NULL OR unionid IS NOT NULL", name="members_known_by_something"),
            CheckConstraint(
                check="(phone_sealed IS NULL) = (phone_index IS NULL)"
                " AND (phone_sealed IS NULL) = (phone_verified_at IS NULL)",
                name="members_phone_whole",
            ),
        )


class BindingCode(Model):
    """A one-time token that binds whoever holds it to an outlet. Only its hash is kept."""

    id = fields.BigIntField(primary_key=True)
    token_hash = fields.BinaryField()
    outlet: fields.ForeignKeyRelation[Outlet] = fields.ForeignKeyField(
        "leketong.Outlet", related_name="binding_codes", on_delete=fields.RESTRICT
    )
    role = fields.TextField(null=True)
    medium = fields.TextField()
    made_by = fields.TextField()
    rep_name = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "binding_codes"
        indexes = (Index(fields=("outlet_id",), name="binding_codes_by_outlet"),)
        constraints = (
            UniqueConstraint(fields=("token_hash",), name="binding_codes_one_hash"),
            CheckConstraint(check="octet_length(token_hash) = 32", name="binding_codes_hash_is_sha256"),
            CheckConstraint(check="role IN ('owner', 'clerk')", name="binding_codes_role"),
            CheckConstraint(check="medium IN ('card', 'screen')", name="binding_codes_medium"),
            CheckConstraint(check="expires_at > created_at", name="binding_codes_lives"),
        )


class Binding(Model):
    """A member belongs to an outlet, from ``bound_at`` until ``ended_at``. Never deleted."""

    id = fields.BigIntField(primary_key=True)
    outlet: fields.ForeignKeyRelation[Outlet] = fields.ForeignKeyField(
        "leketong.Outlet", related_name="bindings", on_delete=fields.RESTRICT
    )
    member: fields.ForeignKeyRelation[Member] = fields.ForeignKeyField(
        "leketong.Member", related_name="bindings", on_delete=fields.RESTRICT
    )
    role = fields.TextField()
    way = fields.TextField()
    binding_code: fields.ForeignKeyNullableRelation[BindingCode] = fields.ForeignKeyField(
        "leketong.BindingCode", related_name="bindings", on_delete=fields.RESTRICT, null=True
    )
    consent_version = fields.TextField()
    consented_at = fields.DatetimeField()
    bound_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.TextField(null=True)
    idempotency_key = fields.TextField()
    input_hash = fields.BinaryField()

    class Meta:
        """Names of the table and its rules."""

        table = "bindings"
        indexes = (
            Index(fields=("outlet_id",), name="bindings_by_outlet"),
            Index(fields=("bound_at",), name="bindings_by_time"),
        )
        constraints = (
            UniqueConstraint(fields=("member_id", "outlet_id"), name="bindings_one_live", condition="ended_at IS NULL"),
            UniqueConstraint(
                fields=("outlet_id",),
                name="bindings_one_live_owner",
                condition="role = 'owner' AND ended_at IS NULL",
            ),
            UniqueConstraint(fields=("binding_code_id",), name="bindings_code_used_once"),
            UniqueConstraint(fields=("member_id", "idempotency_key"), name="bindings_idempotency"),
            CheckConstraint(check="role IN ('owner', 'clerk')", name="bindings_role"),
            CheckConstraint(
                check="way IN ('code', 'offer', 'staff') AND (way = 'code') = (binding_code_id IS NOT NULL)",
                name="bindings_way",
            ),
            CheckConstraint(check="ended_at >= bound_at", name="bindings_end_after_start"),
            CheckConstraint(check="(ended_at IS NULL) = (ended_by IS NULL)", name="bindings_end_whole"),
        )
