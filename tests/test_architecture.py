"""House rules as code: layers, names, sizes, and a database that is what the models say."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tortoise import Tortoise
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from app import database
from tests import rows

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "games", "loyalty", "tasks", "wechat")
LINES_MAX = 320
FUNCTION_LINES_MAX = 70
SQL_HOMES = {"queries.py", "locks.py"}
SQL_ELSEWHERE = {
    "app/database.py",  # advisory lock of migrations
    "app/dependencies.py",  # asks a given server for its version
    "app/http/health.py",  # asks whether the database answers
    "app/stamper.py",  # the stamper's advisory lock
}
SQL_STARTS = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "CREATE ", "ALTER ", "TRUNCATE ")


def sources() -> Iterator[tuple[str, ast.Module, str]]:
    """Give every source file of the product: its path, its tree, its text."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/migrations/" not in name:
                text = path.read_text()
                yield name, ast.parse(text), text


def test_every_import_contract_holds() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


def test_nothing_is_called_utils() -> None:
    banned = {"utils", "util", "common", "helpers", "helper", "misc"}
    assert [name for name, _, _ in sources() if banned & set(name.removesuffix(".py").split("/"))] == []


def test_files_and_functions_stay_readable() -> None:
    long = [name for name, _, text in sources() if text.count("\n") > LINES_MAX]
    for name, tree, _ in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{name}:{node.name}")
    assert long == []


def test_no_import_hides_inside_a_function() -> None:
    hidden = [
        f"{name}:{inner.lineno}"
        for name, tree, _ in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_sql_stands_only_where_queries_stand() -> None:
    found = {
        name
        for name, tree, _ in sources()
        if Path(name).name not in SQL_HOMES and not name.startswith("wechat/sandbox/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.lstrip().startswith(SQL_STARTS)
    }
    assert found <= SQL_ELSEWHERE


def test_verbs_are_told_the_time() -> None:
    asking = {
        name
        for name, tree, _ in sources()
        if name.startswith(("loyalty/", "games/")) and name != "loyalty/clock.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
    }
    assert asking == set()


def models() -> dict[str, object]:
    """Give every model by name."""
    assert Tortoise.apps is not None
    return dict(Tortoise.apps[database.APP])


async def test_the_database_has_every_constraint_and_index_of_the_models(db: str) -> None:
    constraints = {name for (name,) in await rows.fetch(db, "SELECT conname::text FROM pg_constraint")}
    indexes = {name for (name,) in await rows.fetch(db, "SELECT indexname::text FROM pg_indexes")}
    missing = []
    for model in models().values():
        meta = model._meta  # type: ignore[attr-defined]
        for rule in meta.constraints or ():
            partial = isinstance(rule, UniqueConstraint) and rule.condition is not None
            assert isinstance(rule, UniqueConstraint | CheckConstraint)
            if rule.name not in (indexes if partial else constraints):
                missing.append(rule.name)
        missing += [index.name for index in meta.indexes or () if index.name not in indexes]
    assert missing == []


async def test_the_models_have_no_migration_to_come(db: str) -> None:
    assert Tortoise.apps is not None
    config = database.configuration(db)["apps"]
    assert await MigrationAutodetector(Tortoise.apps, config).changes() == []


async def test_an_up_to_date_database_is_not_behind(db: str) -> None:
    assert await database.behind() == []


@pytest.mark.parametrize("path", sorted((ROOT / "app" / "migrations").glob("0*.py")), ids=lambda path: path.stem)
def test_every_migration_opens_with_why(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
