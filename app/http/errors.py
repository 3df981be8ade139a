"""How a refusal looks on the wire: problem+json (RFC 9457), in friendly Chinese, with the trace id.

Verbs raise the five kinds of loyalty.errors. What only HTTP can refuse is an HttpRefusal, raised and rendered in
app/http alone:

    HttpRefusal
    ├── 400 json_invalid, idempotency_key_missing, idempotency_key_invalid
    ├── 401 token_missing, token_invalid, token_expired, key_invalid
    ├── 403 scope_missing
    ├── 404 path_unknown            405 method_not_allowed
    ├── 413 body_too_large          415 media_type_unsupported
    ├── 422 unknown_field, missing_field, wrong_type, out_of_range
    └── 429 too_many_requests

Anything else is a bug: 500, logged with its trace id, no detail shown.
"""

from typing import ClassVar

import msgspec
from sanic import HTTPResponse

from loyalty.customers.errors import SessionEnded
from loyalty.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Unavailable

RETRY_AFTER_SECONDS = 2
PROBLEM_TYPE = "application/problem+json"

STATUS_OF: dict[type[Refusal], int] = {
    SessionEnded: 401,  # the client's cure is to log in again, as for any dead token
    NotFound: 404,
    Forbidden: 403,
    Invalid: 422,
    Conflict: 409,
    Unavailable: 503,
}


class HttpRefusal(Exception):  # noqa: N818 - it says no; it is not a fault
    """A no that only HTTP can give."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, **data: object) -> None:
        super().__init__(self.code)
        self.data = data

    @property
    def detail(self) -> str:
        """What would be right, in one friendly Chinese sentence."""
        return self.sentence.format_map(self.data)


class JsonInvalid(HttpRefusal):
    """The body is not JSON."""

    status, code = 400, "json_invalid"
    title = "内容读不懂"
    sentence = "请求内容要是 UTF-8 的 JSON 对象，请检查后再发。"


class RequestInvalid(HttpRefusal):
    """The request is not HTTP as it should be."""

    status, code = 400, "request_invalid"
    title = "请求格式不对"
    sentence = "请按接口文档重新组织请求。"


class IdempotencyKeyMissing(HttpRefusal):
    """The call changes something and carries no Idempotency-Key."""

    status, code = 400, "idempotency_key_missing"
    title = "缺少 Idempotency-Key"
    sentence = "请在请求头带上 Idempotency-Key，重试时保持不变。"


class IdempotencyKeyInvalid(HttpRefusal):
    """The Idempotency-Key has the wrong form."""

    status, code = 400, "idempotency_key_invalid"
    title = "Idempotency-Key 格式不对"
    sentence = "Idempotency-Key 请用 8 到 64 个英文字母、数字或符号，不含空格。"


class TokenMissing(HttpRefusal):
    """No bearer token."""

    status, code = 401, "token_missing"
    title = "请先登录"
    sentence = "请在请求头带上 Authorization: Bearer 和登录后得到的令牌。"


class TokenInvalid(HttpRefusal):
    """A token that we did not give."""

    status, code = 401, "token_invalid"
    title = "登录信息不对"
    sentence = "请重新登录，马上就好。"


class TokenExpired(HttpRefusal):
    """A token past its time."""

    status, code = 401, "token_expired"
    title = "登录过期了"
    sentence = "请重新登录，马上就好。"


class KeyInvalid(HttpRefusal):
    """A system key that does not exist or was revoked."""

    status, code = 401, "key_invalid"
    title = "系统密钥无效"
    sentence = "请核对系统密钥，或请管理员发一个新的。"


class ScopeMissing(HttpRefusal):
    """The system key may not make this call."""

    status, code = 403, "scope_missing"
    title = "没有这项权限"
    sentence = "这个系统密钥缺少权限 {scope}，请管理员开通。"


class PathUnknown(HttpRefusal):
    """No route has this path."""

    status, code = 404, "path_unknown"
    title = "没有这个地址"
    sentence = "请核对地址，接口文档在 /docs。"


class MethodNotAllowed(HttpRefusal):
    """The path does not know the method."""

    status, code = 405, "method_not_allowed"
    title = "不支持这种请求方法"
    sentence = "这个地址支持：{allowed}。"


class BodyTooLarge(HttpRefusal):
    """More bytes than the route takes."""

    status, code = 413, "body_too_large"
    title = "内容太大了"
    sentence = "最多 {limit_bytes} 字节，请分几次发。"


class MediaTypeUnsupported(HttpRefusal):
    """The body is not declared as JSON."""

    status, code = 415, "media_type_unsupported"
    title = "内容类型不支持"
    sentence = "请把 Content-Type 设为 application/json。"


class UnknownField(HttpRefusal):
    """A field that the call does not know."""

    status, code = 422, "unknown_field"
    title = "有不认识的字段"
    sentence = "请去掉字段 {field}，或核对它的拼写。"


class MissingField(HttpRefusal):
    """A field that the call needs."""

    status, code = 422, "missing_field"
    title = "缺少字段"
    sentence = "请补上字段 {field}。"


class WrongType(HttpRefusal):
    """A field of another type than the call needs."""

    status, code = 422, "wrong_type"
    title = "字段类型不对"
    sentence = "字段 {field} 应该是 {expected}。"


class OutOfRange(HttpRefusal):
    """A field of the right type with a value that cannot be."""

    status, code = 422, "out_of_range"
    title = "字段的值不对"
    sentence = "字段 {field} 应该是 {expected}。"


class TooManyRequests(HttpRefusal):
    """The caller is faster than the limit of the call."""

    status, code = 429, "too_many_requests"
    title = "操作太快啦"
    sentence = "请等 {retry_after_seconds} 秒再试。"


class Unexpected(HttpRefusal):
    """A bug of ours."""

    status, code = 500, "unexpected"
    title = "我们这边出了点问题"
    sentence = "已经记下来了，请稍后再试。"


def status_of(refusal: Refusal | type[Refusal]) -> int:
    """Tell the status of a refusal by its kind."""
    kind = refusal if isinstance(refusal, type) else type(refusal)
    return next(status for one, status in STATUS_OF.items() if issubclass(kind, one))


def render(refusal: Refusal | HttpRefusal, trace_id: str) -> HTTPResponse:
    """Render a refusal as problem+json."""
    status = refusal.status if isinstance(refusal, HttpRefusal) else status_of(refusal)
    headers = {"trace-id": trace_id, "cache-control": "no-store", "x-content-type-options": "nosniff"}
    if status == 503:  # noqa: PLR2004
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    elif isinstance(refusal, TooManyRequests):
        headers["retry-after"] = str(refusal.data["retry_after_seconds"])
    elif isinstance(refusal, MethodNotAllowed):
        headers["allow"] = str(refusal.data["allowed"])
    elif status == 401:  # noqa: PLR2004
        headers["www-authenticate"] = f'Bearer error="{refusal.code}"'
    problem = {
        "status": status,
        "code": refusal.code,
        "title": refusal.title,
        "detail": refusal.detail,
        "trace_id": trace_id,
        **refusal.data,
    }
    return HTTPResponse(msgspec.json.encode(problem), status, headers, PROBLEM_TYPE)
