"""Tables of the catalogue module.

Migration 0008 has what Tortoise has no words for: exclusion constraints that keep a product from having two prices of
one list on one day, and the one row of catalogue_version, which counts changes.
"""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

from loyalty.pictures.models import Picture


class Product(Model):
    """Something that is ordered by the case."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    name = fields.TextField()
    name_initials = fields.TextField()
    """The first letters of the name's pinyin, as people type who look for it."""
    brand = fields.TextField(null=True)
    flavour = fields.TextField(null=True)
    pack = fields.TextField(null=True)
    """How it is packed, such as 500ml×24."""
    category = fields.TextField()
    """What earning rules count it under."""
    units_per_case = fields.IntField()
    barcode = fields.TextField(null=True)
    deposit_fen = fields.BigIntField(db_default=0)
    """Of a case, for what comes back: bottles, crates, kegs."""
    multiple_cases = fields.IntField(db_default=1)
    """It is ordered in multiples of so many cases."""
    status = fields.TextField(db_default="active")
    picture: fields.ForeignKeyNullableRelation[Picture] = fields.ForeignKeyField(
        "leketong.Picture", related_name="products", on_delete=fields.RESTRICT, null=True
    )
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "products"
        constraints = (
            UniqueConstraint(fields=("code",), name="products_one_code"),
            CheckConstraint(check="status IN ('active', 'ended')", name="products_status"),
            CheckConstraint(
                check="units_per_case > 0 AND multiple_cases > 0 AND deposit_fen >= 0", name="products_numbers"
            ),
        )


class PriceList(Model):
    """Prices for those outlets that name the list, or for a plant's outlets, all of them or those of a value class."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    plant_id = fields.BigIntField(null=True)
    value_class = fields.TextField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "price_lists"
        constraints = (
            UniqueConstraint(fields=("code",), name="price_lists_one_code"),
            CheckConstraint(check="value_class IS NULL OR plant_id IS NOT NULL", name="price_lists_class_of_a_plant"),
        )


class Price(Model):
    """What a case costs under a list from a business date on, until another one, which it does not hold on."""

    id = fields.BigIntField(primary_key=True)
    price_list_id = fields.BigIntField()
    product_id = fields.BigIntField()
    price_fen = fields.BigIntField()
    from_on = fields.DateField()
    until_on = fields.DateField(null=True)

    class Meta:
        """Names of the table and its rules."""

        table = "prices"
        constraints = (
            CheckConstraint(check="price_fen > 0", name="prices_positive"),
            CheckConstraint(check="until_on > from_on", name="prices_end_after_start"),
        )


class DealPrice(Model):
    """The lowest deal price that a list has for a product on one business date."""

    id = fields.BigIntField(primary_key=True)
    price_list_id = fields.BigIntField()
    product_id = fields.BigIntField()
    on_date = fields.DateField()
    price_fen = fields.BigIntField()

    class Meta:
        """Names of the table and its rules."""

        table = "deal_prices"
        constraints = (
            UniqueConstraint(fields=("price_list_id", "on_date", "product_id"), name="deal_prices_one_a_day"),
            CheckConstraint(check="price_fen > 0", name="deal_prices_positive"),
        )


class Assortment(Model):
    """Products that a plant's outlets are offered: all outlets, or those of a value class."""

    id = fields.BigIntField(primary_key=True)
    code = fields.TextField()
    plant_id = fields.BigIntField()
    value_class = fields.TextField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "assortments"
        constraints = (UniqueConstraint(fields=("code",), name="assortments_one_code"),)


class AssortmentProduct(Model):
    """A product of an assortment, at its place from 1, maybe one that every outlet should have."""

    id = fields.BigIntField(primary_key=True)
    assortment_id = fields.BigIntField()
    product_id = fields.BigIntField()
    place = fields.IntField()
    must_have = fields.BooleanField(db_default=False)

    class Meta:
        """Names of the table and its rules."""

        table = "assortment_products"
        constraints = (
            UniqueConstraint(fields=("assortment_id", "product_id"), name="assortment_products_once"),
            CheckConstraint(check="place > 0", name="assortment_products_place"),
        )


class FavouriteProduct(Model):
    """A product that an outlet wants at hand."""

    id = fields.BigIntField(primary_key=True)
    outlet_id = fields.BigIntField()
    product_id = fields.BigIntField()
    member_id = fields.BigIntField()
    at = fields.DatetimeField()

    class Meta:
        """Names of the table and its rules."""

        table = "favourite_products"
        constraints = (UniqueConstraint(fields=("outlet_id", "product_id"), name="favourite_products_once"),)
