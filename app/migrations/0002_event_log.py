"""The numbered log, partitioned by month from the start, and what the busiest tables need from autovacuum."""

from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Tables and settings that Tortoise has no words for."""

    dependencies = [("leketong", "0001_house")]

    operations = [
        ops.RunSQL(
            """
            CREATE TABLE event_log (
                feed text NOT NULL,
                position bigint NOT NULL CHECK (position > 0),
                recorded_on date NOT NULL,
                event_id uuid NOT NULL,
                type text NOT NULL,
                subject text NOT NULL,
                occurred_at timestamptz NOT NULL,
                recorded_at timestamptz NOT NULL,
                data jsonb NOT NULL,
                PRIMARY KEY (feed, position, recorded_on)
            ) PARTITION BY RANGE (recorded_on);
            INSERT INTO feed_heads (feed, position) VALUES ('engagement', 0), ('orders', 0), ('bindings', 0);
            -- The outbox is a queue: every row dies young, so it is swept by number of rows, not by share of the table.
            ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
                                    autovacuum_vacuum_insert_scale_factor = 0);
            -- Room in each page lets a changed balance stay beside its old version and leave the indexes alone.
            ALTER TABLE points_accounts SET (fillfactor = 70);
            ALTER TABLE points_lots SET (fillfactor = 80);
            ALTER TABLE feed_heads SET (fillfactor = 50);
            """,
            reverse_sql="DROP TABLE event_log; DELETE FROM feed_heads;",
        ),
    ]
