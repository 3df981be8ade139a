"""The rules of the project's shape, held over every file."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tortoise import Model

from app import database, proofs
from games.base import PLAY_REFUSALS
from games.registry import BY_CODE, GAMES
from loyalty.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Unavailable
from loyalty.events.rules import FEED_OF, FEEDS
from tests.conftest import ROOT

PACKAGES = ("app", "games", "loyalty", "tasks", "wechat")
LINES_MAX = 320
FUNCTION_LINES_MAX = 70
KINDS = (NotFound, Forbidden, Invalid, Conflict, Unavailable)

SQL = re.compile(
    r"\b(SELECT\b.|INSERT INTO|UPDATE\b.+\bSET\b|DELETE FROM|TRUNCATE|LOCK TABLE|ALTER TABLE|(CREATE|DROP) [A-Z]+)",
    re.DOTALL,
)
SERVERS_OWN = {"app/backups.py", "app/database.py", "app/dependencies.py", "app/stamper.py"}
"""Advisory locks, and making and dropping whole databases: they touch no table of ours."""


def files(*packages: str) -> list[Path]:
    """Give the source files of packages, without migrations, which Tortoise writes."""
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    assert found
    return [path for path in found if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    """Give a file's name inside the project."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """Give the name under which a file is imported."""
    return name_of(path).removesuffix(".py").replace("/", ".")


def nodes(path: Path) -> Iterator[ast.AST]:
    """Give every node of a file's syntax."""
    return ast.walk(ast.parse(path.read_text()))


def folders(*packages: str) -> list[Path]:
    """Give the module folders of loyalty and games."""
    return [
        path for package in packages for path in sorted((ROOT / package).iterdir()) if (path / "__init__.py").is_file()
    ]


def modules(*packages: str) -> list[ModuleType]:
    """Import every module of packages that may be imported without settings."""
    found = []
    for package in packages:
        root = importlib.import_module(package)
        found += [
            importlib.import_module(module.name)
            for module in pkgutil.walk_packages(root.__path__, f"{package}.")
            if not module.name.endswith("__main__")
        ]
    return found


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " kept, 0 broken." in done.stdout


def test_games_do_not_know_each_other() -> None:
    games = {path.name for path in folders("games")}
    for game in games:
        for path in files(f"games/{game}"):
            imported = {node.module for node in nodes(path) if isinstance(node, ast.ImportFrom) and node.module}
            others = {name.split(".")[1] for name in imported if name.startswith("games.")} & games
            assert others <= {game}, name_of(path)


def test_imports_stand_at_the_top() -> None:
    for path in files(*PACKAGES, "benchmarks"):
        inside = [
            inner.lineno
            for node in nodes(path)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)
            if isinstance(inner, ast.Import | ast.ImportFrom)
        ]
        assert inside == [], name_of(path)


def test_no_file_is_named_for_nothing_and_none_is_too_long() -> None:
    for path in files(*PACKAGES, "benchmarks", "tests"):
        assert not re.search(r"util|common|helper|misc", path.stem), name_of(path)
        assert len(path.read_text().splitlines()) <= LINES_MAX, name_of(path)


def test_functions_stay_readable() -> None:
    for path in files(*PACKAGES, "tests"):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno
                assert lines <= FUNCTION_LINES_MAX, f"{name_of(path)} {node.name}"


@pytest.mark.parametrize("path", sorted((ROOT / "app" / "migrations").glob("0*.py")), ids=lambda path: path.stem)
def test_a_migration_opens_with_why(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_names_say_what_is_done() -> None:
    for path in files(*PACKAGES):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert not re.match(r"_*(handle|process|do|manage)(_|$)", node.name), f"{name_of(path)} {node.name}"


def test_sql_is_written_only_where_it_belongs() -> None:
    for path in files(*PACKAGES):
        if path.name in {"queries.py", "locks.py"} or name_of(path) in SERVERS_OWN:
            continue
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not SQL.search(node.value), f"{name_of(path)}:{node.lineno}"


def test_rules_are_pure() -> None:
    for path in files("loyalty", "games"):
        if path.name == "rules.py":
            waits = [node for node in nodes(path) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
            assert waits == [], name_of(path)
            imported = {node.module for node in nodes(path) if isinstance(node, ast.ImportFrom) and node.module}
            assert not {name for name in imported if name.endswith(("queries", "transactions", "models"))}


def test_only_app_and_tasks_ask_for_the_time() -> None:
    for path in files("loyalty", "games"):
        if name_of(path) == "loyalty/clock.py":
            continue
        asked = {
            node.func.attr
            for node in nodes(path)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not asked & {"now", "utcnow", "today", "time", "monotonic"}, name_of(path)


def test_every_models_file_is_configured() -> None:
    present = {module_of(path) for path in files(*PACKAGES) if path.name == "models.py"}
    assert present == set(database.MODELS)


def test_a_models_file_holds_tables_only() -> None:
    for name in database.MODELS:
        module = importlib.import_module(name)
        own = [value for value in vars(module).values() if getattr(value, "__module__", "") == name]
        assert own
        assert all(inspect.isclass(value) and issubclass(value, Model) for value in own), name


def test_every_module_with_proofs_is_proven() -> None:
    present = [path for path in files("loyalty", "games") if path.name == "proofs.py" and path.parent.name != "loyalty"]
    for path in present:
        module = importlib.import_module(module_of(path))
        assert module.PROOFS
        assert set(module.PROOFS) <= set(proofs.PROOFS), name_of(path)
    assert len(proofs.PROOFS) == len(set(proofs.PROOFS))


def test_every_reactions_table_names_known_events_and_is_read() -> None:
    reader = (ROOT / "tasks" / "reactions.py").read_text()
    for path in files("loyalty", "games"):
        if path.name == "reactions.py":
            name = module_of(path)
            module = importlib.import_module(name)
            assert set(module.REACTIONS) <= set(FEED_OF), name
            assert f"from {name} import REACTIONS" in reader, name
    assert set(FEED_OF.values()) <= set(FEEDS)


def test_every_game_has_its_folder_and_its_line() -> None:
    assert [game.code for game in GAMES] == [path.name for path in folders("games")]
    assert set(BY_CODE) == {game.code for game in GAMES}
    for game in GAMES:
        assert (ROOT / "games" / game.code / "game.py").is_file()
        assert not set(game.refusals) & set(PLAY_REFUSALS)


def refusals() -> list[type[Refusal]]:
    """Give every refusal that can be raised."""
    modules("app", "games", "loyalty")
    found: list[type[Refusal]] = []
    waiting: list[type[Refusal]] = [Refusal]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind not in KINDS and kind.__module__.split(".")[0] in PACKAGES:
                found.append(kind)
    return found


def test_every_refusal_has_a_code_of_its_own_and_friendly_words() -> None:
    found = [refusal for refusal in refusals() if "code" in vars(refusal)]
    assert len(found) > 25
    for refusal in found:
        assert issubclass(refusal, KINDS) or refusal.__module__.startswith("app.http"), refusal
        assert re.fullmatch(r"[a-z][a-z0-9_]*", refusal.code), refusal
        assert re.search(r"[一-鿿]", refusal.title), refusal
        assert re.search(r"[一-鿿].*[。！？]$", refusal.sentence), refusal
        assert not re.search(r"[。！？]$", refusal.title), refusal
    codes = Counter(refusal.code for refusal in found)
    assert [code for code, count in codes.items() if count > 1] == []


@pytest.mark.parametrize("package", ["loyalty", "games"])
def test_business_modules_import_without_settings_or_servers(package: str) -> None:
    script = (
        f"import importlib, pkgutil, {package}\n"
        f"for module in pkgutil.walk_packages({package}.__path__, '{package}.'): importlib.import_module(module.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
