"""One home for pictures, of rewards and of products alike."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

# Existing rows stay where they are: only names change.
PICTURES_OF_ALL = """
    ALTER TABLE reward_pictures RENAME TO pictures;
    ALTER INDEX reward_pictures_pkey RENAME TO pictures_pkey;
"""


class Migration(migrations.Migration):
    """One table renamed."""

    dependencies = [("leketong", "0012_notices")]

    operations = [
        ops.RunSQL(sql=PICTURES_OF_ALL, reverse_sql=""),
        ops.RenameModel("RewardPicture", "Picture"),
        ops.AlterModelOptions(
            "Picture",
            {
                "table": "pictures",
                "app": "leketong",
                "pk_attr": "digest",
                "table_description": "A picture that staff or a system has brought, named by the hash of what it is.",
            },
        ),
        ops.RenameConstraint("Picture", "reward_pictures_type", "pictures_type"),
        ops.RenameConstraint("Picture", "reward_pictures_small", "pictures_small"),
        ops.AddField(
            model_name="Product",
            name="picture",
            field=fields.ForeignKeyField(
                "leketong.Picture",
                source_field="picture_id",
                null=True,
                db_constraint=True,
                to_field="digest",
                related_name="products",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
    ]
