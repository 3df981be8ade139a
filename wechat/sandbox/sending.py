"""WeChat's calls about words: sending a subscribe message, and judging a text."""

from collections.abc import Mapping
from typing import Final

from wechat.sandbox import fields, inputs
from wechat.sandbox.refusals import Refusal, request_id
from wechat.sandbox.store import Message
from wechat.sandbox.world import Json, Query, World

STATES: Final = frozenset({"developer", "trial", "formal"})
LANGUAGES: Final = frozenset({"zh_CN", "en_US", "zh_HK", "zh_TW"})
CONTENT_LENGTH_MAX: Final = 2500
_SUGGESTIONS: Final[tuple[tuple[str, str, int], ...]] = (
    ("赌博", "risky", 20006),
    ("色情", "risky", 20002),
    ("诈骗", "risky", 20008),
    ("加微信", "review", 10001),
)


def subscribe_send(world: World, query: Query, body: bytes) -> Json:
    """POST /cgi-bin/message/subscribe/send: one message for one permission."""
    inputs.check_token(world, query)
    told = inputs.read_json(body)
    inputs.only(told, "touser", "template_id", "page", "data", "miniprogram_state", "lang")
    openid = inputs.text(told, "touser", 40003)
    if world.store.member(openid) is None:
        raise Refusal(40003)
    template_id = inputs.text(told, "template_id", 40037)
    if not world.catalogue.has_template(template_id):
        raise Refusal(40037)
    data = _data(told.get("data"), world.catalogue.fields_of(template_id))
    page = _page(world, told.get("page"))
    state, lang = told.get("miniprogram_state", "formal"), told.get("lang", "zh_CN")
    if state not in STATES or lang not in LANGUAGES:
        raise Refusal(40097)
    message = Message(openid, template_id, page, data, str(state), str(lang))
    number = world.store.send(message, world.clock.now())
    if number is None:
        raise Refusal(43101)
    return {"errcode": 0, "errmsg": "ok", "msgid": number}


def _page(world: World, page: object) -> str | None:
    if page is None or page == "":
        return None
    if not isinstance(page, str) or not world.catalogue.has_page(page.partition("?")[0]):
        raise Refusal(41030)
    return page


def _data(data: object, needed: frozenset[str] | None) -> Mapping[str, str]:
    """Return the fields' texts, or refuse with 47003 naming the first field that is wrong."""
    if not isinstance(data, dict) or not data:
        raise Refusal(47003, "argument invalid! data is emtpy")  # WeChat's own spelling
    for key in sorted((needed or frozenset()) - set(data)):
        raise Refusal(47003, f"argument invalid! data.{key}.value is emtpy")
    return {key: _value(key, item, needed) for key, item in data.items()}


def _value(key: str, item: object, needed: frozenset[str] | None) -> str:
    name = f"data.{key[:40]}.value"
    value = item.get("value") if isinstance(item, dict) and set(item) == {"value"} else None
    if value is None or value == "":
        raise Refusal(47003, f"argument invalid! {name} is emtpy")
    if not isinstance(value, str) or (needed is not None and key not in needed) or not fields.accepts(key, value):
        raise Refusal(47003, f"argument invalid! {name} invalid")
    return value


def msg_sec_check(world: World, query: Query, body: bytes) -> Json:
    """POST /wxa/msg_sec_check, version 2: what the platform thinks of a text. A few words make it object."""
    inputs.check_token(world, query)
    told = inputs.read_json(body)
    inputs.only(told, "content", "version", "scene", "openid", "title", "nickname", "signature")
    content = inputs.text(told, "content", 44002)
    if told.get("version") != 2 or len(content) > CONTENT_LENGTH_MAX:  # noqa: PLR2004 - the version in use
        raise Refusal(40097)
    if told.get("scene") not in (1, 2, 3, 4):
        raise Refusal(40129)
    if world.store.member(inputs.text(told, "openid", 40003)) is None:
        raise Refusal(40003)
    suggest, label = "pass", 100
    for word, suggestion, number in _SUGGESTIONS:
        if word in content:
            suggest, label = suggestion, number
            break
    model = {"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90}
    return {
        "errcode": 0,
        "errmsg": "ok",
        "result": {"suggest": suggest, "label": label},
        # The keyword part comes without a verdict when it found nothing, as WeChat's does.
        "detail": [model, {"strategy": "keyword", "errcode": 0}],
        "trace_id": request_id(),
    }
