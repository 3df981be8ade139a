"""The hub's page: its orders, with a button for each thing that a plant might do about one."""

import html
from collections.abc import Mapping
from typing import Any

from app.hub.queries import Hub

STEPS: dict[str, str] = {
    "confirmed": "确认",
    "shorted": "缺货",
    "shipped": "发货",
    "delivered": "送达",
    "returned": "退货",
    "rejected": "拒单",
}


def page_of(hub: Hub) -> str:
    """Give the hub's page."""
    rows = "".join(
        f"<tr><td>{html.escape(number)}</td><td>{html.escape(_summary(body))}</td><td>{html.escape(status)}</td><td>"
        + "".join(
            f'<form method="post" action="/hub/orders/{html.escape(number)}/{step}"><input type="hidden" name="page" '
            f'value="1"><button>{word}</button></form>'
            for step, word in STEPS.items()
        )
        + "</td></tr>"
        for number, body, status, _, _ in hub.orders()
    )
    mode = "自动处理中，点这里改为手动" if hub.pace.automatic else "手动处理，点这里改为自动"
    return (
        "<!doctype html><html lang='zh-CN'><meta charset='utf-8'><title>演示订单中心</title>"
        "<meta name='viewport' content='width=device-width'><style>body{font:16px/1.6 sans-serif;margin:2rem;"
        "max-width:70rem}table{border-collapse:collapse;width:100%}td{border-top:1px solid #ddd;padding:.4rem}"
        "form{display:inline}button{font:inherit;margin:.1rem}</style><h1>演示订单中心</h1>"
        "<p>这里扮演工厂的订单中心：收乐客通推来的订单，再把进度报回去。</p>"
        f"<form method='post' action='/hub/settings'><input type='hidden' name='page' value='1'><button>{mode}</button>"
        f"</form><table>{rows or '<tr><td>还没有订单。</td></tr>'}</table></html>"
    )


def _summary(body: Mapping[str, Any]) -> str:
    lines = "、".join(f"{line['name']} {line['cases']} 箱" for line in body["lines"][:3])
    return f"{body['deliver_on']} 送：{lines}"
