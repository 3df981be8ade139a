"""Who belongs to an outlet: ending, restoring, another owner, each asked about first and with a reason."""

from collections.abc import Sequence
from urllib.parse import quote

from app.http.console.components import Dialog, Form, reason_field
from app.http.console.pages import Answer, Redirect, Visit
from app.http.console.paths import int_id
from loyalty.customers.care import bindings
from loyalty.customers.care.outlets import CardBinding, OutletCard


def path_of(code: str) -> str:
    """Give the address of an outlet's page, whatever signs its code has."""
    return f"/outlets/{quote(code, safe='')}"


def restorable_of(people: Sequence[CardBinding]) -> set[int]:
    """Give the latest binding of each member who has no live one: what came before it was replaced."""
    live = {one.member_id for one in people if one.ended_at is None}
    ended = (one for one in people if one.ended_at is not None and one.member_id not in live)
    latest: dict[int, CardBinding] = {}
    for one in ended:
        known = latest.get(one.member_id)
        if known is None or (one.ended_at, one.id) > (known.ended_at, known.id):
            latest[one.member_id] = one
    return {one.id for one in latest.values()}


def dialogs_of(card: OutletCard, people: Sequence[CardBinding]) -> tuple[Dialog, ...]:
    """Give the question asked before each change."""
    reason = reason_field("会写进处理记录。")
    path = f"{path_of(card.code)}/bindings"
    made = []
    restorable = restorable_of(people)
    for one in people:
        who = one.phone_masked or f"成员 {one.member_id}"
        if one.ended_at is None:
            made.append(
                Dialog(
                    f"end-{one.id}",
                    f"解除 {who} 的绑定",
                    "TA 马上就不能再代表这家店。积分留在门店，30 天内可以恢复。",
                    Form(f"{path}/{one.id}/end", (reason,), "解除绑定", "danger", id=f"end-form-{one.id}"),
                )
            )
            if one.role != "owner":
                made.append(
                    Dialog(
                        f"owner-{one.id}",
                        f"让 {who} 当店主",
                        "原来的店主会变成店员，仍然留在店里。",
                        Form(f"{path}/{one.id}/owner", (reason,), "换成店主", id=f"owner-form-{one.id}"),
                    )
                )
        elif one.id in restorable:
            made.append(
                Dialog(
                    f"restore-{one.id}",
                    f"恢复 {who} 的绑定",
                    "TA 之前已经同意过隐私说明，恢复后马上能用。",
                    Form(f"{path}/{one.id}/restore", (reason,), "恢复绑定", id=f"restore-form-{one.id}"),
                )
            )
    return tuple(made)


async def end_binding(visit: Visit) -> Answer:
    """End a binding."""
    code = visit.params["code"]
    await bindings.end(code, int_id(visit.params["id"]), visit.reach, visit.staff, visit.field("reason"), visit.at)
    return Redirect(path_of(code), "unbound")


async def restore_binding(visit: Visit) -> Answer:
    """Give a member their binding back."""
    code = visit.params["code"]
    await bindings.restore(code, int_id(visit.params["id"]), visit.reach, visit.staff, visit.field("reason"), visit.at)
    return Redirect(path_of(code), "rebound")


async def change_owner(visit: Visit) -> Answer:
    """Make somebody else the owner."""
    code = visit.params["code"]
    await bindings.change_owner(
        code, int_id(visit.params["id"]), visit.reach, visit.staff, visit.field("reason"), visit.at
    )
    return Redirect(path_of(code), "owner_changed")
