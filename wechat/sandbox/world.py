"""All that the sandbox knows at one moment, and what every one of WeChat's calls gets to see of it."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from wechat.sandbox.clock import Clock
from wechat.sandbox.codes import CodeBook
from wechat.sandbox.faults import FaultTable
from wechat.sandbox.store import Store
from wechat.sandbox.tokens import TokenBook

CALLS_MAX: Final = 1000
_PAGE = re.compile(r"pages[0-9A-Za-z_\-]*(/[0-9A-Za-z_\-]+)+", re.ASCII)
_TEMPLATE = re.compile(r"[0-9A-Za-z_\-]{10,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account:
    """The one mini-program that the sandbox serves; its repr shows no secret."""

    appid: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    original_id: str = "gh_5a4db0c5a4d0"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Which pages are published and which templates, with their fields, were chosen; None is "any that looks right"."""

    pages: frozenset[str] | None = None
    templates: Mapping[str, frozenset[str]] | None = None

    def has_page(self, page: str) -> bool:
        """Tell whether a page, without parameters, is published."""
        return _PAGE.fullmatch(page) is not None if self.pages is None else page in self.pages

    def has_template(self, template_id: str) -> bool:
        """Tell whether the account has the template."""
        if self.templates is None:
            return _TEMPLATE.fullmatch(template_id) is not None
        return template_id in self.templates

    def fields_of(self, template_id: str) -> frozenset[str] | None:
        """Return the fields that the template's messages must have, or None when any set will do."""
        return None if self.templates is None else self.templates[template_id]


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    pages: list[str] | None = None
    templates: dict[str, list[str]] | None = None


def read_catalogue(path: Path) -> Catalogue:
    """Read {"pages": ["pages/home/home"], "templates": {"id": ["thing1"]}}, both optional; raise ValueError."""
    try:
        told = msgspec.json.decode(path.read_bytes(), type=_Told)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"the catalogue is not right: {error}") from None
    return Catalogue(
        None if told.pages is None else frozenset(told.pages),
        None if told.templates is None else {name: frozenset(keys) for name, keys in told.templates.items()},
    )


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call as it is listed: no parameter, so no secret. `errcode` is None for a connection that was dropped."""

    at: float
    method: str
    path: str
    errcode: int | None


class World:
    """The state that all calls share. One event loop uses it, so nothing in it is locked."""

    def __init__(self, account: Account, catalogue: Catalogue, state_path: Path | None) -> None:
        self.account = account
        self.catalogue = catalogue
        self.clock = Clock()
        self.store = Store(state_path)
        self.codes = CodeBook(self.clock)
        self.tokens = TokenBook(self.clock)
        self.faults = FaultTable()
        self.calls: deque[CallRecord] = deque(maxlen=CALLS_MAX)


@dataclass(frozen=True, slots=True)
class Image:
    """A call's answer that is a picture."""

    content: bytes
    content_type: str


Json = dict[str, object]
Query = Mapping[str, str]
