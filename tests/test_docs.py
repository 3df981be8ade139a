"""The documents say what there is: refusals, calls, tables, settings, dependencies, and links that lead somewhere."""

import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import pytest

import app
import games
import loyalty
import tasks
from app import database
from app.http import errors
from app.http.endpoints import Endpoint, Group
from app.http.errors import HttpRefusal
from app.server import GROUPS
from loyalty.errors import Refusal
from loyalty.events.rules import FEED_OF, FEEDS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
PACKAGES = (app, games, loyalty, tasks)
NEEDS_SETTINGS = {
    "tasks.celery", "tasks.messages", "tasks.ordering", "tasks.points", "tasks.reactions", "tasks.upkeep",
    "tasks.webhooks",
}  # fmt: skip
"""These read the environment when they are imported, and define no refusal."""
INTERNAL_VARIABLES = {"LEKETONG_READY_FD"}
VARIABLE = re.compile(
    r'(?:environ(?:\.get\(|\[)|_FD = |_(?:integer|url|required)\(environ, |listen\([^"\n]*)"([A-Z_]+)"'
)


def read(name: str) -> str:
    """Give the text of a document by its path from the root."""
    return (ROOT / name).read_text()


def section(text: str, heading: str) -> str:
    """Give what stands between a heading and the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Give the cells of every table row below its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads = {number - 1 for number, row in enumerate(cells) if set("".join(row)) == {"-"}}
    return [row for number, row in enumerate(cells) if number not in heads and number - 1 not in heads]


def without_ticks(cell: str) -> str:
    """Give what a cell shows in code."""
    return cell.strip("`")


def modules() -> Iterator[str]:
    """Name every module that may define a refusal."""
    for package in PACKAGES:
        folder = Path(package.__path__[0])
        for file in sorted(folder.rglob("*.py")):
            name = ".".join(file.relative_to(folder.parent).with_suffix("").parts)
            if not name.startswith("app.migrations") and name not in NEEDS_SETTINGS:
                yield name.removesuffix(".__init__")


def concrete(kind: type[Refusal] | type[HttpRefusal]) -> Iterator[type[Refusal] | type[HttpRefusal]]:
    """Give every refusal below a kind that the product itself defines."""
    for one in kind.__subclasses__():
        if "code" in vars(one) and not one.__module__.startswith("tests"):
            yield one
        yield from concrete(one)


def endpoints() -> Iterator[tuple[Group, Endpoint]]:
    """Give every call with its group."""
    for group in GROUPS:
        for endpoint in group.endpoints:
            yield group, endpoint


def test_api_guide_lists_every_refusal_and_no_other() -> None:
    for name in modules():
        importlib.import_module(name)
    there = {
        (str(one.status if issubclass(one, HttpRefusal) else errors.status_of(one)), one.code, one.title)
        for one in [*concrete(HttpRefusal), *concrete(Refusal)]
    }
    listed = [
        (status, without_ticks(code), title)
        for status, code, title, _ in rows(section(read("docs/api.md"), "Refusals"))
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == there


def test_api_guide_lists_every_call_with_its_limit_and_size() -> None:
    listed = {
        without_ticks(call): (limit, body) for call, _, limit, body in rows(section(read("docs/api.md"), "The calls"))
    }
    there = {}
    for group, one in endpoints():
        by = ", by address" if one.by_address else ""
        limit = f"{one.limit.burst} in {one.limit.window_seconds // 60} min{by}, `{one.limit.name}`"
        size = f"{one.body_bytes_max // 1024} KB" if one.body is not None else ""
        there[f"{one.method} {group.prefix}{one.path}"] = (limit, size)
    assert listed == there


def test_api_guide_names_who_may_call() -> None:
    who = {without_ticks(call): text for call, text, _, _ in rows(section(read("docs/api.md"), "The calls"))}
    for group, one in endpoints():
        text = who[f"{one.method} {group.prefix}{one.path}"]
        assert ("with a key" in text) == one.keyed
        if one.scope is not None:
            assert text == f"system, scope `{one.scope}`"


def test_api_guide_lists_every_event_under_its_feed() -> None:
    listed = {
        (without_ticks(feed), without_ticks(kind)) for feed, kind, _ in rows(section(read("docs/api.md"), "Feeds"))
    }
    assert {feed for feed, _ in listed} == set(FEEDS)
    assert {pair for pair in listed if pair[1] != "none yet"} == {
        (feed, f"leketong.{kind}") for kind, feed in FEED_OF.items()
    }


async def test_data_dictionary_lists_every_column_in_its_place(session_database: str) -> None:
    connection = await asyncpg.connect(**database.credentials(session_database))
    found = await connection.fetch(
        """
        SELECT c.relname AS table_name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attnum > 0 AND NOT a.attisdropped
         GROUP BY c.relname
        """
    )
    await connection.close()
    parts = re.split(r"^## `(\w+)`$", read("docs/data-dictionary.md"), flags=re.MULTILINE)
    listed = {
        name: [without_ticks(row[0]) for row in rows(text)] for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    assert listed == {row["table_name"]: row["columns"] for row in found}


def test_data_dictionary_says_of_every_column_whether_it_is_personal() -> None:
    for _, meaning, _, personal in rows(read("docs/data-dictionary.md")):
        assert meaning
        assert re.match(r"(no|pseudonym|yes)\b", personal)


def test_data_dictionary_calls_sealed_what_is_sealed() -> None:
    for column, _, _, personal in rows(read("docs/data-dictionary.md")):
        assert column.endswith("_sealed`") == personal.startswith("yes; sealed")


def test_operating_guide_lists_every_setting_and_no_other() -> None:
    listed = {without_ticks(row[0]) for row in rows(section(read("docs/operating.md"), "Settings"))}
    there = {
        name
        for folder in ("app", "tasks")
        for file in (ROOT / folder).rglob("*.py")
        for name in VARIABLE.findall(file.read_text())
    }
    assert listed == there - INTERNAL_VARIABLES


def test_operating_guide_lists_every_metric_and_task() -> None:
    text = read("docs/operating.md")
    there = re.findall(r'"(leketong_\w+)"', read("app/metrics.py"))
    listed = [without_ticks(row[0]) for row in rows(section(text, "Metrics")) if row[0].startswith("`")]
    assert sorted(listed) == sorted(there)
    scheduled = re.findall(r'(?:every|nightly)\("(tasks\.\w+)"', read("tasks/celery.py"))
    assert sorted(without_ticks(row[0]) for row in rows(section(text, "What runs by the clock"))) == sorted(scheduled)


def test_alarms_name_metrics_that_there_are() -> None:
    there = set(re.findall(r'"(leketong_\w+)"', read("app/metrics.py")))
    named = set(re.findall(r"leketong_\w+", read("docs/alarms.yml")))
    assert {re.sub("_(count|bucket)$", "", one) for one in named} <= there
    assert {"leketong_proof_differences", "leketong_proof_finished_seconds"} <= named


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("To run", lambda project: project["project"]["dependencies"]),
        ("To develop", lambda project: project["dependency-groups"]["dev"]),
    ],
)
def test_each_direct_dependency_has_its_reason(heading: str, names: object) -> None:
    project = tomllib.loads(read("pyproject.toml"))
    assert callable(names)
    there = sorted(re.split(r"[\[<>=]", name)[0] for name in names(project))
    text = section(read("docs/decisions/0001-dependencies.md"), heading)
    assert [row[0] for row in rows(text)] == there


def test_the_index_lists_every_decision() -> None:
    linked = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", read("docs/decisions/README.md"))
    assert linked == sorted(file.name for file in (DOCS / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            path = unquote(target.partition("#")[0])
            assert (page.parent / path).exists(), target


def test_the_readmes_mirror_each_other() -> None:
    english, chinese = read("README.md"), read("README.zh-CN.md")
    for form in (r"^(#+) ", r"^```(\w*)$", r"^(\|)"):
        assert re.findall(form, english, re.MULTILINE) == re.findall(form, chinese, re.MULTILINE)
    tours = [re.findall(r"```bash\n(WEB.*?)```", text, re.DOTALL) for text in (english, chinese)]
    assert len(tours[0]) == 1
    assert [_commands(tour) for tour in tours[0]] == [_commands(tour) for tour in tours[1]]


def _commands(block: str) -> list[str]:
    lines = (re.sub(r"(^|\s+)#.*$", "", line) for line in block.splitlines())
    return [line for line in lines if line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_of_ours_that_a_page_names_exist(page: Path) -> None:
    there = [re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(group.prefix + one.path)) for group, one in endpoints()]
    for path in re.findall(r"/(?:mp|systems)/v1/[\w/{}$-]+", page.read_text()):
        assert any(re.fullmatch(form, path) for form in there), path
