"""The catalogue: products, price lists with dated prices and deals, assortments, favourites."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

WHAT_TORTOISE_HAS_NO_WORDS_FOR = """
    ALTER TABLE price_lists
        ADD CONSTRAINT price_lists_plant FOREIGN KEY (plant_id) REFERENCES organisation_nodes;
    -- Which of two lists would hold for an outlet must never be a question.
    CREATE UNIQUE INDEX price_lists_one_for_an_audience ON price_lists (plant_id, coalesce(value_class, ''))
        WHERE plant_id IS NOT NULL;
    ALTER TABLE prices
        ADD CONSTRAINT prices_price_list FOREIGN KEY (price_list_id) REFERENCES price_lists,
        ADD CONSTRAINT prices_product FOREIGN KEY (product_id) REFERENCES products,
        ADD CONSTRAINT prices_one_a_day EXCLUDE USING gist (
            int8range(price_list_id, price_list_id, '[]') WITH &&, int8range(product_id, product_id, '[]') WITH &&,
            daterange(from_on, until_on) WITH &&);
    CREATE INDEX prices_by_list ON prices (price_list_id, product_id, from_on);
    ALTER TABLE deal_prices
        ADD CONSTRAINT deal_prices_price_list FOREIGN KEY (price_list_id) REFERENCES price_lists,
        ADD CONSTRAINT deal_prices_product FOREIGN KEY (product_id) REFERENCES products;
    ALTER TABLE assortments ADD CONSTRAINT assortments_plant FOREIGN KEY (plant_id) REFERENCES organisation_nodes;
    CREATE UNIQUE INDEX assortments_one_for_an_audience ON assortments (plant_id, coalesce(value_class, ''));
    ALTER TABLE assortment_products
        ADD CONSTRAINT assortment_products_assortment FOREIGN KEY (assortment_id) REFERENCES assortments,
        ADD CONSTRAINT assortment_products_product FOREIGN KEY (product_id) REFERENCES products;
    ALTER TABLE favourite_products
        ADD CONSTRAINT favourite_products_outlet FOREIGN KEY (outlet_id) REFERENCES outlets,
        ADD CONSTRAINT favourite_products_product FOREIGN KEY (product_id) REFERENCES products,
        ADD CONSTRAINT favourite_products_member FOREIGN KEY (member_id) REFERENCES members;
    -- Counts changes of the catalogue, so that what was read before one is known to be old.
    CREATE TABLE catalogue_version (
        id int PRIMARY KEY CONSTRAINT catalogue_version_one_row CHECK (id = 1),
        version bigint NOT NULL
    );
    INSERT INTO catalogue_version VALUES (1, 0);
"""


class Migration(migrations.Migration):
    """New tables, and what keeps a product at one price a day."""

    dependencies = [("leketong", "0007_ledger")]

    operations = [
        ops.CreateModel(
            name="Assortment",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("code", fields.TextField(unique=False)),
                ("plant_id", fields.BigIntField()),
                ("value_class", fields.TextField(null=True, unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "assortments",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "Products that a plant's outlets are offered: all outlets, or those of a value class.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Assortment", constraint=UniqueConstraint(fields=("code",), name="assortments_one_code")
        ),
        ops.CreateModel(
            name="AssortmentProduct",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("assortment_id", fields.BigIntField()),
                ("product_id", fields.BigIntField()),
                ("place", fields.IntField()),
                ("must_have", fields.BooleanField(db_default=False)),
            ],
            options={
                "table": "assortment_products",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A product of an assortment, at its place from 1, maybe one that every outlet should have.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="AssortmentProduct",
            constraint=UniqueConstraint(fields=("assortment_id", "product_id"), name="assortment_products_once"),
        ),
        ops.AddConstraint(
            model_name="AssortmentProduct",
            constraint=CheckConstraint(check="place > 0", name="assortment_products_place"),
        ),
        ops.CreateModel(
            name="DealPrice",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("price_list_id", fields.BigIntField()),
                ("product_id", fields.BigIntField()),
                ("on_date", fields.DateField()),
                ("price_fen", fields.BigIntField()),
            ],
            options={
                "table": "deal_prices",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "The lowest deal price that a list has for a product on one business date.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="DealPrice",
            constraint=UniqueConstraint(
                fields=("price_list_id", "on_date", "product_id"), name="deal_prices_one_a_day"
            ),
        ),
        ops.AddConstraint(
            model_name="DealPrice", constraint=CheckConstraint(check="price_fen > 0", name="deal_prices_positive")
        ),
        ops.CreateModel(
            name="FavouriteProduct",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("outlet_id", fields.BigIntField()),
                ("product_id", fields.BigIntField()),
                ("member_id", fields.BigIntField()),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "favourite_products",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "A product that an outlet wants at hand.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="FavouriteProduct",
            constraint=UniqueConstraint(fields=("outlet_id", "product_id"), name="favourite_products_once"),
        ),
        ops.CreateModel(
            name="Price",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("price_list_id", fields.BigIntField()),
                ("product_id", fields.BigIntField()),
                ("price_fen", fields.BigIntField()),
                ("from_on", fields.DateField()),
                ("until_on", fields.DateField(null=True)),
            ],
            options={
                "table": "prices",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "What a case costs under a list from a business date on, until another one, which it does not hold on.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Price", constraint=CheckConstraint(check="price_fen > 0", name="prices_positive")
        ),
        ops.AddConstraint(
            model_name="Price", constraint=CheckConstraint(check="until_on > from_on", name="prices_end_after_start")
        ),
        ops.CreateModel(
            name="PriceList",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("code", fields.TextField(unique=False)),
                ("plant_id", fields.BigIntField(null=True)),
                ("value_class", fields.TextField(null=True, unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "price_lists",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "Prices for those outlets that name the list, or for a plant's outlets, all of them or those of a value class.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="PriceList", constraint=UniqueConstraint(fields=("code",), name="price_lists_one_code")
        ),
        ops.AddConstraint(
            model_name="PriceList",
            constraint=CheckConstraint(
                check="value_class IS NULL OR plant_id IS NOT NULL", name="price_lists_class_of_a_plant"
            ),
        ),
        ops.CreateModel(
            name="Product",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("code", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("name_initials", fields.TextField(unique=False)),
                ("brand", fields.TextField(null=True, unique=False)),
                ("flavour", fields.TextField(null=True, unique=False)),
                ("pack", fields.TextField(null=True, unique=False)),
                ("category", fields.TextField(unique=False)),
                ("units_per_case", fields.IntField()),
                ("barcode", fields.TextField(null=True, unique=False)),
                ("deposit_fen", fields.BigIntField(db_default=0)),
                ("multiple_cases", fields.IntField(db_default=1)),
                ("status", fields.TextField(db_default="active", unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "products",
                "app": "leketong",
                "pk_attr": "id",
                "table_description": "Something that is ordered by the case.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Product", constraint=UniqueConstraint(fields=("code",), name="products_one_code")
        ),
        ops.AddConstraint(
            model_name="Product",
            constraint=CheckConstraint(check="status IN ('active', 'ended')", name="products_status"),
        ),
        ops.AddConstraint(
            model_name="Product",
            constraint=CheckConstraint(
                check="units_per_case > 0 AND multiple_cases > 0 AND deposit_fen >= 0", name="products_numbers"
            ),
        ),
        ops.RunSQL(sql=WHAT_TORTOISE_HAS_NO_WORDS_FOR, reverse_sql=""),
    ]
