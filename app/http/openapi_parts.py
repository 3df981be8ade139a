"""The parts of the OpenAPI document that are the same whatever the endpoints: words, headers, the problem, links."""

from typing import Any

from loyalty.customers.texts import CONSENT_VERSION

TITLE = "乐客通 接口文档"
VERSION = "1.0"
"""Of the contract: a change that breaks a client opens /v2 beside /v1."""
DESCRIPTION = """面向门店的小程序和其他系统的接口。

- 出错时返回 `application/problem+json`：程序看 `code`，人看 `title` 和 `detail`，找我们排查请带上 `trace_id`。
- 编号都是不透明的字符串；时间是带时区的 RFC 3339；金额以分为单位；列表用 `next_cursor` 翻页，`null` 表示到底了。
- 会改变数据的 POST 带 `Idempotency-Key`，重试时保持不变，结果不会重复。
- 遇到 429 和 503，请按 `Retry-After` 的秒数等一等再试。
"""
TAGS = {
    "mini-public": "小程序：不用登录",
    "mini-optional": "小程序：登录与否都可以",
    "mini-members": "小程序：登录后",
    "sfa": "业务员（SFA）",
    "systems": "系统对接",
    "health": "运行状况",
}
SECURITY_SCHEMES = {
    "memberToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "POST /mp/v1/session 得到的令牌，30 天有效。",
    },
    "sfaToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "SFA 签发的 JWT：RS256 或 EdDSA，sub 是工号，aud 是 leketong，最长 10 分钟。",
    },
    "systemKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "管理员用 leketong system-key add 发的系统密钥。",
    },
}
ANSWERS = {200: "成功。", 201: "已完成。", 204: "已完成，没有内容。"}
REPEATED = "同一个键重发：返回上次的结果，repeated 为 true。"

HEADERS: dict[str, dict[str, Any]] = {
    "trace-id": {
        "description": "这次请求的编号，和日志里的一致。",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "ratelimit-policy": {
        "description": "限流规则：q 次，每 w 秒补满。",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z-]+";q=[0-9]+;w=[0-9]+$'},
    },
    "ratelimit": {
        "description": "还剩 r 次，t 秒后多一次。",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z-]+";r=[0-9]+;t=[0-9]+$'},
    },
    "retry-after": {
        "description": "过几秒再试。",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "www-authenticate": {
        "description": "为什么没有认出来。",
        "required": True,
        "schema": {"type": "string", "pattern": '^Bearer error="[a-z_]+"$'},
    },
}
PROBLEM = {
    "title": "Problem",
    "description": "一次拒绝（RFC 9457）。各个 code 会另外带上自己的数据，例如是哪个字段。",
    "type": "object",
    "properties": {
        "status": {"type": "integer", "description": "HTTP 状态码"},
        "code": {"type": "string", "pattern": "^[a-z_]+$", "description": "不会变的代码，给程序看"},
        "title": {"type": "string", "description": "发生了什么，给人看"},
        "detail": {"type": "string", "description": "怎么做才对，给人看"},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "和响应头 trace-id 一致"},
        "field": {"type": "string", "description": "哪个字段"},
        "expected": {"type": "string", "description": "这个字段应该是什么"},
        "retry_after_seconds": {"type": "integer", "description": "过几秒再试"},
        "limit_bytes": {"type": "integer", "description": "最多多少字节"},
    },
    "required": ["status", "code", "title", "detail", "trace_id"],
}
EXAMPLE_TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"

# What an answer is good for next: operation and status, then the operation to go on with and what it takes.
LINKS: dict[tuple[str, int], dict[str, Any]] = {
    ("post_mp_v1_bindings", 201): {
        "choose": {
            "operationId": "put_mp_v1_session_outlet",
            "requestBody": {"outlet_id": "$response.body#/outlet/id"},
            "description": "换到刚绑定的门店。",
        },
    },
    ("get_mp_v1_members", 200): {
        "remove": {
            "operationId": "delete_mp_v1_members_id",
            "parameters": {"id": "$response.body#/items/0/id"},
            "description": "移除这位成员。",
        },
    },
    ("post_systems_v1_binding_codes", 201): {
        "show": {
            "operationId": "get_mp_v1_binding_codes_token",
            "parameters": {"token": "$response.body#/token"},
            "description": "用这个码查看门店。",
        },
        "bind": {
            "operationId": "post_mp_v1_bindings",
            "requestBody": {"token": "$response.body#/token", "consent_version": CONSENT_VERSION},
            "description": "看过说明，同意并绑定。",
        },
    },
    ("get_mp_v1_points_entries", 200): {
        "next": {
            "operationId": "get_mp_v1_points_entries",
            "parameters": {"cursor": "$response.body#/next_cursor"},
            "description": "下一页；next_cursor 是 null 就到底了。",
        },
    },
    ("get_systems_v1_feeds_feed", 200): {
        "next": {
            "operationId": "get_systems_v1_feeds_feed",
            "parameters": {"feed": "$request.path.feed", "after": "$response.body#/next_cursor"},
            "description": "下一页。",
        },
    },
}
