"""The database: addresses taken apart, migrations under one lock, the database equal to the models."""

import asyncio
import secrets
from typing import Any

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.indexes import Index
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from app import database
from app.embedded import EmbeddedServers
from tests import rows
from tests.conftest import ROOT, command

WAIT_SECONDS = 60
WITHOUT_A_MODEL = {
    ("assortments", "unique", "assortments_one_for_an_audience(plant_id)"),
    ("catalogue_version", "check", "catalogue_version_one_row"),
    ("entitlements", "index", "entitlements_by_end(expires_at)"),
    ("entitlements", "index", "entitlements_by_reward(reward_id,state)"),
    ("ledger_entries", "index", "ledger_entries_of_entry(of_entry_id)"),
    ("messages", "index", "messages_due(due_at)"),
    ("messages", "index", "messages_ended(ended_at)"),
    ("order_shortages", "index", "order_shortages_open(told_at)"),
    ("orders", "index", "orders_not_loaded(outlet_id)"),
    ("orders", "index", "orders_odd(odd_at)"),
    ("orders", "index", "orders_to_release(release_on)"),
    ("orders", "index", "orders_under_way(status,placed_at)"),
    ("organisation_closure", "check", "organisation_closure_no_cycle"),
    ("organisation_closure", "index", "organisation_closure_by_descendant(descendant_id,depth)"),
    ("organisation_placements", "index", "organisation_placements_one_at_a_time()"),
    ("outlet_assignments", "index", "outlet_assignments_one_rep()"),
    ("outlets", "index", "outlets_by_code_prefix(code)"),
    ("outlets", "index", "outlets_by_initials(name_initials)"),
    ("outlets", "index", "outlets_by_name_prefix(name)"),
    ("outlets", "index", "outlets_by_place(place_id,code)"),
    ("points_adjustments", "index", "points_adjustments_open(made_at)"),
    ("price_lists", "unique", "price_lists_one_for_an_audience(plant_id)"),
    ("prices", "index", "prices_by_list(price_list_id,product_id,from_on)"),
    ("prices", "index", "prices_one_a_day()"),
    ("staff_grants", "index", "staff_grants_once_at_a_time()"),
    ("webhook_deliveries", "index", "webhook_deliveries_due(consumer_id,feed,subject,position)"),
    ("webhook_deliveries", "index", "webhook_deliveries_ended(state,ended_at)"),
}
"""What Tortoise has no words for, by migrations 0004, 0007, 0008 and 0010 to 0012."""


@pytest.mark.parametrize(
    ("url", "taken_apart"),
    [
        (
            "postgresql://u:p%40ss@db.example:5433/leketong",
            {"host": "db.example", "port": 5433, "user": "u", "password": "p@ss", "database": "leketong"},
        ),
        (
            "postgres://u@db/leketong?sslmode=require",
            {"host": "db", "port": 5432, "user": "u", "password": None, "database": "leketong", "ssl": "require"},
        ),
        (
            "postgresql://u@/leketong?host=/run/postgres",
            {"host": "/run/postgres", "port": 5432, "user": "u", "password": None, "database": "leketong"},
        ),
        (
            "postgresql://u@/leketong?host=/run/postgres&port=5999",
            {"host": "/run/postgres", "port": 5999, "user": "u", "password": None, "database": "leketong"},
        ),
    ],
)
def test_an_address_is_taken_apart(url: str, taken_apart: dict[str, Any]) -> None:
    assert database.credentials(url) == taken_apart


async def test_two_migrators_at_once_apply_each_step_once(servers: EmbeddedServers) -> None:
    name = f"t{secrets.token_hex(6)}"
    admin = await asyncpg.connect(**database.credentials(servers.database_url("postgres")))
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    url = servers.database_url(name)
    async with asyncio.timeout(WAIT_SECONDS):
        await asyncio.gather(*(asyncio.to_thread(command, url, "migrate") for _ in range(2)))
    applied = await rows.fetch(url, "SELECT name FROM tortoise_migrations ORDER BY id")
    files = sorted(path.stem for path in (ROOT / "app" / "migrations").glob("0*.py"))
    assert applied == [(name,) for name in files]
    assert await rows.fetch(url, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event_log'::regclass") == [(4,)]
    assert await rows.fetch(url, "SELECT feed, position FROM feed_heads ORDER BY 1") == [
        ("bindings", 0),
        ("engagement", 0),
        ("orders", 0),
    ]


async def test_nothing_is_behind_and_nothing_is_waiting_to_be_written(db: str) -> None:
    assert await database.behind() == []
    apps = database.configuration(db)["apps"]
    assert await MigrationAutodetector(Tortoise.apps, apps).changes() == []


async def columns_of(url: str, table: str, oid: object) -> list[object]:
    """Name the columns of a constraint or an index, in order."""
    return [
        row[0]
        for row in await rows.fetch(
            url,
            f"SELECT a.attname FROM unnest($1::smallint[]) WITH ORDINALITY AS k(number, n)"
            f" JOIN pg_attribute a ON a.attrelid = '{table}'::regclass AND a.attnum = k.number ORDER BY k.n",
            oid,
        )
    ]


async def test_every_rule_of_the_models_is_in_the_database_and_no_other(db: str) -> None:
    promised: set[tuple[str, str, str]] = set()
    for model in Tortoise.apps[database.APP].values():
        table = model._meta.db_table
        for rule in model._meta.constraints:
            if isinstance(rule, CheckConstraint):
                promised.add((table, "check", str(rule.name)))
            else:
                assert isinstance(rule, UniqueConstraint)
                promised.add((table, "unique", f"{rule.name}({','.join(rule.fields)})"))
        for index in model._meta.indexes:
            assert isinstance(index, Index)
            promised.add((table, "index", f"{index.name}({','.join(index.fields)})"))
    assert len(promised) > 30
    kept: set[tuple[str, str, str]] = set()
    for table, name in await rows.fetch(
        db,
        "SELECT conrelid::regclass::text, conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid"
        " WHERE contype = 'c' AND t.relnamespace = 'public'::regnamespace AND conrelid::regclass::text !~ 'event_log'",
    ):
        kept.add((str(table), "check", str(name)))
    for table, name, unique, key in await rows.fetch(
        db,
        "SELECT i.indrelid::regclass::text, x.relname, i.indisunique, i.indkey::smallint[] FROM pg_index i"
        " JOIN pg_class x ON x.oid = i.indexrelid"
        " WHERE x.relnamespace = 'public'::regnamespace AND NOT i.indisprimary AND x.relname !~ 'event_log'"
        "   AND i.indrelid::regclass::text <> 'tortoise_migrations'",
    ):
        columns = ",".join(map(str, await columns_of(db, str(table), key)))
        kept.add((str(table), "unique" if unique else "index", f"{name}({columns})"))
    assert kept == promised | WITHOUT_A_MODEL


async def test_conditions_of_partial_uniqueness_are_there(db: str) -> None:
    conditions = await rows.fetch(
        db,
        "SELECT x.relname, pg_get_expr(i.indpred, i.indrelid) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid"
        " WHERE i.indpred IS NOT NULL ORDER BY 1",
    )
    assert conditions == [
        ("bindings_one_live", "(ended_at IS NULL)"),
        ("bindings_one_live_owner", "((role = 'owner'::text) AND (ended_at IS NULL))"),
        ("entitlements_by_end", "(state = 'free'::text)"),
        ("ledger_entries_of_entry", "(of_entry_id IS NOT NULL)"),
        ("messages_due", "(state = 'queued'::text)"),
        ("messages_ended", "(state <> 'queued'::text)"),
        ("order_shortages_one_open", "(state = 'open'::text)"),
        ("order_shortages_open", "(state = 'open'::text)"),
        ("orders_not_loaded", "(status = ANY (ARRAY['placed'::text, 'confirmed'::text]))"),
        ("orders_odd", "(odd_at IS NOT NULL)"),
        ("orders_to_release", "((completed_at IS NOT NULL) AND (released_at IS NULL))"),
        (
            "orders_under_way",
            "(status = ANY (ARRAY['placed'::text, 'confirmed'::text, 'shipped'::text, 'delivered'::text]))",
        ),
        ("organisation_nodes_one_child", "(kind = ANY (ARRAY['office'::text, 'route'::text]))"),
        ("organisation_nodes_one_group", "(kind = 'group'::text)"),
        ("organisation_nodes_one_plant", "(kind = 'plant'::text)"),
        ("organisation_nodes_one_root", "(parent_id IS NULL)"),
        ("outlet_assignments_one_open", "(until_at IS NULL)"),
        ("points_adjustments_open", "(state = 'proposed'::text)"),
        ("price_lists_one_for_an_audience", "(plant_id IS NOT NULL)"),
        ("rule_versions_one_a_day", "(withdrawn_at IS NULL)"),
        ("webhook_deliveries_due", "(state = 'due'::text)"),
        ("webhook_deliveries_ended", "(state <> 'due'::text)"),
    ]


async def test_the_connection_has_its_limits(db: str) -> None:
    async with Tortoise.get_connection("default").acquire_connection() as connection:
        shown = [
            await connection.fetchval(f"SHOW {name}")
            for name in ("lock_timeout", "idle_in_transaction_session_timeout", "timezone", "jit")
        ]
    assert shown == ["5s", "1min", "UTC", "off"]
