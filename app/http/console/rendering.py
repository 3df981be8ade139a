"""Templates to bytes: one environment for all pages, everything escaped, a missing name an error."""

from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from app.http.console import assets
from loyalty.clock import SHANGHAI


@pass_context
def instant(context: Context, at: datetime | None) -> str:
    """Write an instant as people here do: 11月4日 10:05, with the year when it is not this one."""
    if at is None:
        return "—"
    local, now = at.astimezone(SHANGHAI), context["now"].astimezone(SHANGHAI)
    year = "" if local.year == now.year else f"{local.year}年"
    return f"{year}{local.month}月{local.day}日 {local:%H:%M}"


@pass_context
def day(context: Context, on: date | None) -> str:
    """Write a day as people here do: 11月4日, with the year when it is not this one."""
    if on is None:
        return "—"
    year = "" if on.year == context["now"].astimezone(SHANGHAI).year else f"{on.year}年"
    return f"{year}{on.month}月{on.day}日"


def number(value: float) -> str:
    """Write a number with separators."""
    return f"{value:,}"


def query(state: dict[str, str]) -> str:
    """Write a query string, with its question mark where there is one."""
    return f"?{urlencode(state)}" if state else "?"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("app"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"instant": instant, "day": day, "number": number, "query": query}
    environment.globals["asset"] = assets.url_of
    return environment


ENVIRONMENT = _environment()


def page(template: str, **context: Any) -> bytes:
    """Render a template. Raises jinja2.UndefinedError where the context lacks a name."""
    return ENVIRONMENT.get_template(template).render(context).encode()
