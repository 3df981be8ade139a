"""A row for each outlet's streak with the number of its check-ins: a check-in is stored only as the next one.

Nothing has to be locked before it is judged, and one statement, a transaction of its own, stores all that it gives.
The day comes first in the index that allows one a day: a morning's check-ins then fall on a few pages and not on all.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint


class Migration(migrations.Migration):
    """The table, filled from the check-ins that there are."""

    dependencies = [("leketong", "0002_event_log")]

    operations = [
        ops.CreateModel(
            name="CheckinStreak",
            fields=[
                ("outlet_id", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("last_on", fields.DateField()),
                ("streak_days", fields.IntField()),
                ("checkins", fields.IntField()),
            ],
            options={
                "table": "checkin_streaks",
                "app": "leketong",
                "pk_attr": "outlet_id",
                "table_description": "How an outlet's run stands after its last check-in.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="CheckinStreak",
            constraint=CheckConstraint(
                check="streak_days > 0 AND checkins >= streak_days", name="checkin_streaks_counts_its_checkins"
            ),
        ),
        ops.RemoveConstraint(model_name="CheckinRow", name="checkins_once_a_day"),
        ops.AddConstraint(
            model_name="CheckinRow",
            constraint=UniqueConstraint(fields=("business_date", "outlet_id"), name="checkins_once_a_day"),
        ),
        ops.RunSQL(
            """
            INSERT INTO checkin_streaks (outlet_id, last_on, streak_days, checkins)
            SELECT DISTINCT ON (outlet_id) outlet_id, business_date, streak_days, count(*) OVER (PARTITION BY outlet_id)
              FROM checkins ORDER BY outlet_id, business_date DESC;
            -- Room in each page lets a moved streak stay beside its old version and leave the index alone.
            ALTER TABLE checkin_streaks SET (fillfactor = 70);
            """,
            reverse_sql="DELETE FROM checkin_streaks;",
        ),
    ]
