"""The state of a table in its page's address, and tables as files."""

import csv as csv_module
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.http.console.components import Cell, Column, Filter

PAGE_SIZE = 25
PAGE_MAX = 200
EXPORT_MAX = 10_000
SEARCH_LENGTH_MAX = 60
BOM = "\ufeff"
"""Without it Excel takes UTF-8 for the system's own character set."""
BECOMES_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell starts that a spreadsheet would compute (OWASP, CSV Injection)."""
NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What a table is asked for."""

    q: str
    sort: str
    descending: bool
    page: int
    filters: dict[str, str]
    export: bool


def read(
    query: Mapping[str, list[str]],
    *,
    columns: Sequence[Column],
    filters: Sequence[Filter],
    default_sort: str,
    page_max: int = PAGE_MAX,
) -> TableQuery:
    """Read a table's state. What cannot be is taken for the default: an old address still shows something."""

    def first(name: str) -> str:
        return query.get(name, [""])[0]

    sort, page = first("sort"), first("page")
    by = default_sort.removeprefix("-")
    known = sort in {one.key for one in columns if one.sortable}
    return TableQuery(
        q="".join(sign for sign in first("q").strip() if sign.isprintable())[:SEARCH_LENGTH_MAX],
        sort=sort if known else by,
        descending=first("dir") == "desc" if known else default_sort.startswith("-"),
        page=min(max(int(page), 1), page_max) if page.isascii() and page.isdigit() and len(page) < 7 else 1,  # noqa: PLR2004
        filters={
            one.name: first(one.name) for one in filters if first(one.name) in {value for value, _ in one.options}
        },
        export=first("export") == "csv",
    )


def csv(columns: Sequence[Column], rows: Iterable[tuple[Cell, ...]]) -> bytes:
    """Write a table as CSV that Excel opens as it is: UTF-8 with a byte order mark, no cell a formula."""
    text = io.StringIO(newline="")
    writer = csv_module.writer(text, lineterminator="\r\n")
    writer.writerow([plain(column.title) for column in columns])
    for row in rows:
        writer.writerow([plain(cell.text) for cell in row])
    return (BOM + text.getvalue()).encode()


def plain(text: str) -> str:
    """Keep a spreadsheet from computing a cell; a number stays one, so that it can be summed."""
    return f"'{text}" if text.startswith(BECOMES_FORMULA) and not NUMBER.fullmatch(text) else text
