"""What pages are built of: values that say what to show, which the macros of templates/console/components.html draw."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from loyalty.organisation import audit

Tone = Literal["good", "warn", "bad", "info", "quiet"]
Option = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table: its text, maybe a second line, maybe a link; with a tone it is a badge."""

    text: str
    href: str | None = None
    note: str | None = None
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    key: str
    title: str
    sortable: bool = False
    numeric: bool = False
    whole: bool = False
    """Whether its text stays on one line."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice above a table; the empty value is everything."""

    name: str
    title: str
    options: tuple[Option, ...]
    selected: str = ""


@dataclass(frozen=True, slots=True)
class Empty:
    """What is said where there is nothing to show, and what could be done about it."""

    title: str
    sentence: str
    href: str | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table with all that can be asked of it. Its state lives in the address, so every view can be kept and sent."""

    id: str
    path: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: Empty
    search: str | None = None
    """What the search box says while it is empty; None for no box."""
    q: str = ""
    filters: tuple[Filter, ...] = ()
    sort: str = ""
    descending: bool = False
    page: int = 1
    has_more: bool = False
    exportable: bool = False
    caption: str = ""

    @property
    def is_narrowed(self) -> bool:
        """Tell whether a search or a filter leaves things out."""
        return bool(self.q) or any(one.selected for one in self.filters)

    def state(self, **changes: str) -> dict[str, str]:
        """Give the query that shows this table, changed; what is at its default stays out."""
        state = {"q": self.q, "sort": self.sort, "dir": "desc" if self.descending else "", "page": str(self.page)}
        state |= {one.name: one.selected for one in self.filters} | changes
        return {name: value for name, value in state.items() if value and not (name == "page" and value == "1")}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    name: str
    label: str
    kind: Literal[
        "text", "password", "textarea", "select", "checkbox", "checks", "date", "datetime", "number", "hidden", "tel"
    ] = "text"
    value: str = ""
    values: tuple[str, ...] = ()
    """What is checked, of a field of checks."""
    options: tuple[Option, ...] = ()
    required: bool = False
    hint: str = ""
    error: str = ""
    autocomplete: str = ""
    length_max: int = 200
    minimum: int | None = None
    maximum: int | None = None


def reason_field(
    hint: str = "会写进操作记录。", *, label: str = "原因", kind: Literal["text", "textarea"] = "text"
) -> Field:
    """Ask why: the one field that every act of consequence has."""
    return Field("reason", label, kind, required=True, length_max=audit.REASON_LENGTH_MAX, hint=hint)


@dataclass(frozen=True, slots=True)
class Form:
    """A form with its fields and what is wrong with them."""

    action: str
    fields: tuple[Field, ...]
    submit: str
    tone: Literal["primary", "danger"] = "primary"
    cancel_href: str | None = None
    error: str = ""
    id: str = "form"

    @property
    def faults(self) -> tuple[tuple[str, str], ...]:
        """Give the fields that are wrong, by name, with what is wrong."""
        return tuple((one.name, one.error) for one in self.fields if one.error)


def with_errors(form: Form, values: Mapping[str, list[str]], errors: Mapping[str, str]) -> Form:
    """Give a form back as it was filled in, passwords excepted, with what is wrong at its fields.

    An error of no field of this form is said of the form as a whole.
    """
    names = {one.name for one in form.fields}
    fields = tuple(
        replace(
            one,
            error=errors.get(one.name, ""),
            value=_typed(one, values),
            values=tuple(values.get(one.name, ())) if one.kind == "checks" else one.values,
        )
        for one in form.fields
    )
    return replace(form, fields=fields, error=" ".join(text for name, text in errors.items() if name not in names))


def _typed(one: Field, values: Mapping[str, list[str]]) -> str:
    if one.kind == "password":
        return ""
    # A box that is not checked is not sent.
    return values.get(one.name, ["" if one.kind == "checkbox" else one.value])[0]


@dataclass(frozen=True, slots=True)
class Dialog:
    """A question asked over the page, opened by a button that names it."""

    id: str
    title: str
    sentence: str
    form: Form


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing on a timeline."""

    at: datetime
    title: str
    text: str = ""
    who: str = ""
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and its numbers, which can be read and kept as well."""

    id: str
    title: str
    kind: Literal["line", "bar", "pie"]
    categories: tuple[str, ...]
    series: tuple[tuple[str, tuple[int | float, ...]], ...]
    unit: str = ""

    @property
    def data(self) -> dict[str, object]:
        """Give what the browser draws."""
        return {
            "kind": self.kind,
            "categories": self.categories,
            "series": [{"name": name, "values": values} for name, values in self.series],
            "unit": self.unit,
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that matters, on a card."""

    title: str
    value: str
    note: str = ""
    href: str | None = None
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Tab:
    """One of the views of a thing."""

    title: str
    href: str
    current: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value in a list of what is known."""

    title: str
    value: str
    tone: Tone | None = None
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """A button: a link, or what opens a dialog."""

    title: str
    href: str | None = None
    dialog: str | None = None
    tone: Literal["primary", "plain", "danger"] = "primary"


@dataclass(frozen=True, slots=True)
class NavItem:
    """A line of the navigation."""

    title: str
    href: str
    icon: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class NavArea:
    """A group of lines of the navigation."""

    title: str
    items: tuple[NavItem, ...]


@dataclass(frozen=True, slots=True)
class Toast:
    """What was just done, said once."""

    text: str
    tone: Tone = "good"
