"""The body of a push, JSON or XML, as one plain tree: names to texts, trees or lists."""

from typing import Final
from xml.parsers import expat

import msgspec

from wechat.errors import CallbackRefused

DEPTH_MAX: Final = 8
ELEMENTS_MAX: Final = 1000

Tree = dict[str, object]


def read_body(body: bytes) -> Tree:
    """Return the tree of a JSON object, or what stands inside an XML document's root.

    Repeated XML elements become a list, as they are in JSON. Raise CallbackRefused("malformed") for anything else,
    for a document with a declaration of types or entities, and for one too deep or too wide.
    """
    text = body.lstrip(b" \t\r\n\xef\xbb\xbf")
    tree: object = None
    try:
        if text.startswith(b"{"):
            tree = msgspec.json.decode(text)
        elif text.startswith(b"<"):
            tree = _XmlReader().read(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, expat.ExpatError, ValueError):
        tree = None
    if not isinstance(tree, dict):
        raise CallbackRefused("malformed")
    return tree


class _XmlReader:
    """Builds the tree of one document as the parser walks it; any declaration ends it, so no entity is expanded."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(encoding="utf-8")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._open: list[tuple[str, Tree, list[str]]] = []
        self._elements = 0
        self._root: Tree | str = ""

    def read(self, text: bytes) -> Tree | str:
        self._parser.Parse(text, True)  # noqa: FBT003 - the parser takes "this is all" by position only
        return self._root

    def _refuse(self, *_declaration: object) -> None:
        raise CallbackRefused("malformed")

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > ELEMENTS_MAX or len(self._open) >= DEPTH_MAX:
            raise CallbackRefused("malformed")
        self._open.append((name, {}, []))

    def _text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _end(self, _name: str) -> None:
        name, children, texts = self._open.pop()
        value: Tree | str = children or "".join(texts).strip()
        if not self._open:
            self._root = value
            return
        siblings = self._open[-1][1]
        earlier = siblings.get(name)
        if earlier is None:
            siblings[name] = value
        elif isinstance(earlier, list):
            earlier.append(value)
        else:
            siblings[name] = [earlier, value]
