"""The document: valid OpenAPI 3.1, complete, and true to the endpoints it is built from."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31

from app.http import openapi
from app.http.endpoints import Endpoint, Group
from app.http.errors import HttpRefusal, status_of
from app.http.openapi_parts import LINKS, PROBLEM
from app.server import GROUPS
from tests.conftest import House
from tests.http.conftest import Callers

DOCUMENT: dict[str, Any] = json.loads(openapi.document(GROUPS, "https://leketong.example"))
ENDPOINTS = [
    pytest.param(group, endpoint, id=f"{endpoint.method} {group.prefix}{endpoint.path}")
    for group in GROUPS
    for endpoint in group.endpoints
]


def operation_of(group: Group, endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][group.prefix + endpoint.path][endpoint.method.lower()]
    return found


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_the_document_is_valid_by_the_meta_schema() -> None:
    validator = Draft202012Validator(OPENAPI_31)
    assert [f"{fault.instance_path}: {fault.message}" for fault in validator.iter_errors(DOCUMENT)] == []
    broken = {**DOCUMENT, "paths": {"no-slash": {}}}
    assert not validator.is_valid(broken)


def test_the_document_says_what_it_is() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["title"] == "乐客通 接口文档"
    assert DOCUMENT["servers"] == [{"url": "https://leketong.example"}]
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"memberToken", "sfaToken", "systemKey"}
    assert len(DOCUMENT["tags"]) == len(GROUPS) + 1


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_schema_is_used() -> None:
    named = {reference.rpartition("/")[2] for reference in references(DOCUMENT)}
    assert set(DOCUMENT["components"]["schemas"]) == {
        name for name in named if name in DOCUMENT["components"]["schemas"]
    }


def test_the_document_has_the_endpoints_and_health_and_nothing_else() -> None:
    told = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    served = {(endpoint.method, group.prefix + endpoint.path) for group in GROUPS for endpoint in group.endpoints}
    assert told == served | {("GET", "/health/live"), ("GET", "/health/ready")}


def test_operation_ids_are_distinct_and_links_name_them() -> None:
    operations = [operation for item in DOCUMENT["paths"].values() for operation in item.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    linked = [
        (operation["operationId"], int(status), link["operationId"])
        for operation in operations
        for status, answer in operation["responses"].items()
        for link in answer.get("links", {}).values()
    ]
    assert {(source, status) for source, status, _ in linked} == set(LINKS)
    assert {target for _, _, target in linked} <= set(ids)


@pytest.mark.parametrize(("group", "endpoint"), ENDPOINTS)
def test_every_status_and_code_is_told(group: Group, endpoint: Endpoint) -> None:
    responses = operation_of(group, endpoint)["responses"]
    refusals = list(openapi.refusals_of(group, endpoint))
    statuses = {one.status if issubclass(one, HttpRefusal) else status_of(one) for one in refusals}
    assert set(responses) == {str(status) for status in statuses | set(endpoint.statuses)}
    assert "429" in responses
    assert "500" not in responses
    told: dict[str, str] = {}
    for status, answer in responses.items():
        if int(status) in endpoint.statuses:
            assert set(answer["headers"]) == {"trace-id", "ratelimit-policy", "ratelimit"}
            continue
        assert ("retry-after" in answer["headers"]) == (status in {"429", "503"})
        assert ("www-authenticate" in answer["headers"]) == (status == "401")
        content = answer["content"]["application/problem+json"]
        codes = content["schema"]["allOf"][1]["properties"]["code"]["enum"]
        assert set(content["examples"]) == set(codes)
        told |= dict.fromkeys(codes, status)
    assert set(told) == {one.code for one in refusals}


@pytest.mark.parametrize(("group", "endpoint"), ENDPOINTS)
def test_parameters_body_and_security_are_told(group: Group, endpoint: Endpoint) -> None:
    operation = operation_of(group, endpoint)
    parameters = {(one["in"], one["name"]): one for one in operation["parameters"]}
    assert {name for place, name in parameters if place == "path"} == set(re.findall(r"{(\w+)}", endpoint.path))
    assert (("header", "Idempotency-Key") in parameters) == endpoint.keyed
    assert ("requestBody" in operation) == (endpoint.body is not None)
    assert bool(operation["security"]) == (group.door.scheme is not None)
    assert operation["summary"]
    assert all(parameters[one]["required"] for one in parameters if one[0] in {"path", "header"})


def test_security_by_door() -> None:
    paths = DOCUMENT["paths"]
    assert paths["/mp/v1/session"]["post"]["security"] == []
    assert paths["/mp/v1/home"]["get"]["security"] == [{}, {"memberToken": []}]
    assert paths["/mp/v1/points"]["get"]["security"] == [{"memberToken": []}]
    assert paths["/systems/v1/outlets"]["put"]["security"] == [{"systemKey": ["outlets"]}]


def test_query_parameters_carry_their_rules() -> None:
    told = {one["name"]: one for one in DOCUMENT["paths"]["/mp/v1/points/entries"]["get"]["parameters"]}
    assert told["cursor"]["schema"] == {"type": "string", "minLength": 1, "maxLength": 32}
    assert told["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert not told["cursor"]["required"]
    assert not told["limit"]["required"]


def test_instants_are_told_as_such() -> None:
    untold = [
        f"{name}.{field}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for field, kind in schema.get("properties", {}).items()
        if (field.endswith("_at") or field in {"at", "time", "server_time"}) and kind.get("format") != "date-time"
    ]
    assert untold == []


def test_examples_are_problems_in_chinese() -> None:
    problem = Draft202012Validator(PROBLEM)
    examples = DOCUMENT["components"]["examples"]
    assert {"token_missing", "already_checked_in", "too_many_requests", "not_ready"} <= set(examples)
    for code, example in examples.items():
        value = example["value"]
        assert problem.is_valid(value), code
        assert value["code"] == code
        assert re.search(r"[\u4e00-\u9fff]", value["title"]), code
        assert re.search(r"[\u4e00-\u9fff]", value["detail"]), code


def test_a_code_belongs_to_one_refusal() -> None:
    owners: dict[str, set[type]] = {}
    for group in GROUPS:
        for endpoint in group.endpoints:
            for refusal in openapi.refusals_of(group, endpoint):
                owners.setdefault(refusal.code, set()).add(refusal)
    assert {code: kinds for code, kinds in owners.items() if len(kinds) > 1} == {}


async def test_the_house_serves_the_document(house: House, callers: Callers) -> None:
    answer = await callers.client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == openapi.document(GROUPS, house.base_url)


@pytest.mark.parametrize(
    ("path", "content_type", "cache_control"),
    [
        ("/openapi.json", "application/json", "no-cache"),
        ("/docs", "text/html; charset=utf-8", "no-cache"),
        ("/docs/", "text/html; charset=utf-8", "no-cache"),
        ("/docs/page.js", "text/javascript; charset=utf-8", "public, max-age=3600"),
        ("/docs/page.css", "text/css; charset=utf-8", "public, max-age=3600"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8", "public, max-age=3600"),
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8", "public, max-age=3600"),
    ],
)
async def test_the_page_is_guarded_and_kept(path: str, content_type: str, cache_control: str, callers: Callers) -> None:
    answer = await callers.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.headers["cache-control"] == cache_control
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
    again = await callers.client.get(path, headers={"if-none-match": f'"other", W/{answer.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]


async def test_the_folder_gives_nothing_else(callers: Callers) -> None:
    for path in ("/docs/NOTICE", "/docs/index.html", "/docs/..%2f..%2fserver.py", "/docs/%2e%2e/docs.py"):
        answer = await callers.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "path_unknown"), path
