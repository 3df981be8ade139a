"""The OpenAPI 3.1 document, built once from the endpoints themselves, so that it cannot say anything else than they do.

Paths, parameters and bodies come from the payload types; the answers from each endpoint's statuses, from what its door,
the limit, the body and the key may be refused with, and from the refusals that the endpoint names.
"""

import json
import re
from collections.abc import Iterable, Iterator
from string import Formatter
from typing import Any

import msgspec

from app.http import errors
from app.http.endpoints import KEY_FORM, Endpoint, Group
from app.http.errors import PROBLEM_TYPE, HttpRefusal
from app.http.health import Live, NotReady, Ready
from app.http.openapi_parts import (
    ANSWERS,
    DESCRIPTION,
    EXAMPLE_TRACE_ID,
    HEADERS,
    LINKS,
    PROBLEM,
    REPEATED,
    SECURITY_SCHEMES,
    TAGS,
    TITLE,
    VERSION,
)
from loyalty.errors import DatabaseUnavailable, Refusal

BODY_REFUSALS: tuple[type[HttpRefusal], ...] = (
    errors.JsonInvalid,
    errors.BodyTooLarge,
    errors.MediaTypeUnsupported,
    errors.UnknownField,
    errors.MissingField,
    errors.WrongType,
    errors.OutOfRange,
)
QUERY_REFUSALS: tuple[type[HttpRefusal], ...] = (errors.UnknownField, errors.WrongType, errors.OutOfRange)
KEY_REFUSALS: tuple[type[HttpRefusal], ...] = (errors.IdempotencyKeyMissing, errors.IdempotencyKeyInvalid)

Schema = dict[str, Any]
AnyRefusal = type[Refusal] | type[HttpRefusal]


def document(groups: tuple[Group, ...], public_url: str) -> bytes:
    """Give the document as JSON. It describes every endpoint of the groups, and health."""
    schemas, components = _schemas(groups)
    paths: dict[str, dict[str, Any]] = {}
    refusals: dict[str, AnyRefusal] = {}
    for group in groups:
        for endpoint in group.endpoints:
            declared = list(refusals_of(group, endpoint))
            refusals |= {one.code: one for one in declared}
            operation = _operation(group, endpoint, schemas, components, declared)
            paths.setdefault(group.prefix + endpoint.path, {})[endpoint.method.lower()] = operation
    refusals[NotReady.code] = NotReady
    paths |= _health(schemas)
    for group in groups:
        for endpoint in group.endpoints:
            if endpoint.query is not None:
                # Its fields stand as parameters; nobody sends it as an object.
                components.pop(endpoint.query.__name__, None)
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": TITLE,
                "version": VERSION,
                "description": DESCRIPTION,
                "license": {"name": "Apache-2.0"},
            },
            "servers": [{"url": public_url}],
            "tags": [{"name": _tag(name)} for name in [*(group.name for group in groups), "health"]],
            "paths": paths,
            "components": {
                "schemas": dict(sorted({**components, "Problem": PROBLEM}.items())),
                "headers": HEADERS,
                "securitySchemes": SECURITY_SCHEMES,
                "examples": {code: {"value": _example(one)} for code, one in sorted(refusals.items())},
            },
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def operation_id(group: Group, endpoint: Endpoint) -> str:
    """Name an operation after its method and path."""
    return re.sub(r"\W+", "_", f"{endpoint.method}{group.prefix}{endpoint.path}").strip("_").lower()


def refusals_of(group: Group, endpoint: Endpoint) -> Iterator[AnyRefusal]:
    """Tell every refusal that a call may be answered with; some may come twice."""
    yield from group.door.refusals
    yield errors.TooManyRequests
    if endpoint.body is not None:
        yield from BODY_REFUSALS
    if endpoint.query is not None:
        yield from QUERY_REFUSALS
    if endpoint.keyed:
        yield from KEY_REFUSALS
    yield from endpoint.refusals
    if endpoint.stored:
        yield DatabaseUnavailable


def _schemas(groups: tuple[Group, ...]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    types = {
        kind: None
        for group in groups
        for endpoint in group.endpoints
        for kind in (endpoint.answer, endpoint.body, endpoint.query, endpoint.rows)
        if kind is not None
    }
    types |= {Live: None, Ready: None}
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(zip(types, found, strict=True)), dict(components)


def _operation(
    group: Group,
    endpoint: Endpoint,
    schemas: dict[Any, Schema],
    components: dict[str, Schema],
    declared: Iterable[AnyRefusal],
) -> Schema:
    name = operation_id(group, endpoint)
    operation: Schema = {
        "operationId": name,
        "tags": [_tag(group.name)],
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint, components), *_key(endpoint)],
        "responses": {str(status): _answer(endpoint, status, schemas, name) for status in endpoint.statuses}
        | _refused(declared),
        "security": _security(group, endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[endpoint.body]}},
        }
    return operation


def _description(endpoint: Endpoint) -> str:
    limit = endpoint.limit
    who = "每个地址" if endpoint.by_address else "每个调用方"
    lines = [f"限流：{who} {limit.window_seconds} 秒内 {limit.burst} 次。"]
    if endpoint.scope is not None:
        lines.append(f"需要权限 `{endpoint.scope}`。")
    if endpoint.body is not None:
        lines.append(f"内容最多 {endpoint.body_bytes_max // 1024} KB。")
    if endpoint.rows is not None:
        lines.append(f"每行是一个 `{endpoint.rows.__name__}`；不合格的行列在 `rejected` 里，其余照常写入。")
    return "\n\n".join(lines)


def _security(group: Group, endpoint: Endpoint) -> list[dict[str, list[str]]]:
    scheme = group.door.scheme
    if scheme is None:
        return []
    needed = {scheme: [] if endpoint.scope is None else [endpoint.scope]}
    return [needed] if errors.TokenMissing in group.door.refusals else [{}, needed]


def _path_parameters(endpoint: Endpoint) -> list[Schema]:
    schemas: dict[str, Schema] = {
        name: {"type": "string", "minLength": 1} for name in re.findall(r"\{(\w+)\}", endpoint.path)
    } | {name: {"type": "string", "enum": list(choices)} for name, choices in endpoint.choices.items()}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in schemas.items()]


def _query_parameters(endpoint: Endpoint, components: dict[str, Schema]) -> list[Schema]:
    if endpoint.query is None:
        return []
    described = components[endpoint.query.__name__]
    required = described.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(schema)}
        for name, schema in described["properties"].items()
    ]


def _without_null(schema: Schema) -> Schema:
    # A query has no null: what may be null in the type may be left out of the query.
    options = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return dict(options[0]) if len(options) == 1 else schema


def _key(endpoint: Endpoint) -> list[Schema]:
    if not endpoint.keyed:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "第一次发送前生成，重试时保持不变。",
            "schema": {"type": "string", "pattern": f"^{KEY_FORM.pattern}$"},
        }
    ]


def _answer(endpoint: Endpoint, status: int, schemas: dict[Any, Schema], name: str) -> Schema:
    repeated = endpoint.keyed and status != endpoint.statuses[0]
    answer: Schema = {
        "description": REPEATED if repeated else ANSWERS[status],
        "headers": _headers("trace-id", "ratelimit-policy", "ratelimit"),
    }
    if endpoint.answer is not None:
        answer["content"] = {"application/json": {"schema": schemas[endpoint.answer]}}
    if (name, status) in LINKS:
        answer["links"] = LINKS[name, status]
    return answer


def _refused(declared: Iterable[AnyRefusal]) -> Schema:
    by_status: dict[int, dict[str, AnyRefusal]] = {}
    for one in declared:
        status = one.status if issubclass(one, HttpRefusal) else errors.status_of(one)
        by_status.setdefault(status, {})[one.code] = one
    return {str(status): _problem(status, by_status[status]) for status in sorted(by_status)}


def _problem(status: int, refusals: dict[str, AnyRefusal]) -> Schema:
    names = ["trace-id"]
    if status in {429, 503}:
        names.append("retry-after")
    if status == 401:  # noqa: PLR2004
        names.append("www-authenticate")
    narrowed = {"status": {"const": status}, "code": {"enum": sorted(refusals)}}
    return {
        "description": "；".join(f"`{code}` {refusals[code].title}" for code in sorted(refusals)),
        "headers": _headers(*names),
        "content": {
            PROBLEM_TYPE: {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": narrowed}]},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in sorted(refusals)},
            }
        },
    }


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _example(refusal: AnyRefusal) -> Schema:
    blanks = {name: "…" for _, name, _, _ in Formatter().parse(refusal.sentence) if name}
    return {
        "status": refusal.status if issubclass(refusal, HttpRefusal) else errors.status_of(refusal),
        "code": refusal.code,
        "title": refusal.title,
        "detail": refusal.sentence.format_map(blanks),
        "trace_id": EXAMPLE_TRACE_ID,
    }


def _health(schemas: dict[Any, Schema]) -> Schema:
    def operation(name: str, summary: str, answer: Any, declared: tuple[AnyRefusal, ...]) -> Schema:
        answered = {"description": ANSWERS[200], "content": {"application/json": {"schema": schemas[answer]}}}
        return {
            "operationId": name,
            "tags": [_tag("health")],
            "summary": summary,
            "responses": {"200": answered} | _refused(declared),
            "security": [],
        }

    return {
        "/health/live": {"get": operation("get_health_live", "进程是否在运行", Live, ())},
        "/health/ready": {"get": operation("get_health_ready", "是否可以服务", Ready, (NotReady,))},
    }


def _tag(group_name: str) -> str:
    return TAGS.get(group_name, group_name)
