"""An outlet's redemptions and entitlements: what became of each, and undoing one that was not used."""

from app.http.console.components import Dialog, Form, Tone, reason_field
from app.http.console.pages import Answer, Redirect, Visit
from app.http.console.paths import int_id
from app.http.outlets import people
from loyalty import transactions
from loyalty.clock import SHANGHAI
from loyalty.customers.care.outlets import OutletCard
from loyalty.rewards import cancellations
from loyalty.rewards.entitlements import entitlements
from loyalty.rewards.results import results
from loyalty.rewards.types import registry

SHOWN_MAX = 100
STATES: dict[str, tuple[str, Tone]] = {
    "free": ("可用", "good"),
    "held": ("订单占用中", "info"),
    "redeemed": ("已使用", "quiet"),
    "lapsed": ("已过期", "warn"),
    "cancelled": ("已取消", "quiet"),
}


async def context_of(visit: Visit, card: OutletCard, *, may_change: bool) -> dict[str, object]:
    """Give what the tab shows, and the dialogs that undo a redemption."""
    async with transactions.reader():
        held = await entitlements.of_outlet(card.id, None, SHOWN_MAX)
        bought = {one.entitlement_id: one for one in await results.redeemed_by(card.id, SHOWN_MAX)}
    shown, dialogs = [], []
    for one in held:
        state = one.state_at(visit.at)
        redemption = bought.get(one.id)
        cancellable = may_change and redemption is not None and state == "free"
        paid = "赠送" if redemption is None else f"用了 {redemption.cost_points:,} 分"
        note = (
            f"{one.sentence} · {paid} · {one.granted_at.astimezone(SHANGHAI):%Y-%m-%d} 得到，"
            f"{one.expires_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} 前有效"
        )
        kind = registry.BY_CODE[one.type].title
        shown.append((one.name, kind, *STATES[state], note, redemption.id if cancellable and redemption else None))
        if cancellable and redemption is not None:
            dialogs.append(_dialog(card, redemption.id, one.name, redemption.cost_points))
    return {"rights": tuple(shown), "dialogs": tuple(dialogs)}


def _dialog(card: OutletCard, redemption_id: int, name: str, points: int) -> Dialog:
    reason = reason_field()
    action = f"{people.path_of(card.code)}/redemptions/{redemption_id}/cancel"
    form = Form(action, (reason,), "取消兑换", "danger", id=f"cancel-form-{redemption_id}")
    sentence = f"{points:,} 分退回原来的有效期，这份奖品回到商城。"
    return Dialog(f"cancel-{redemption_id}", f"取消兑换“{name}”", sentence, form)


async def cancel_redemption(visit: Visit) -> Answer:
    """Undo a redemption of this outlet that was not used."""
    code = visit.params["code"]
    await cancellations.cancel(
        int_id(visit.params["id"]), visit.reach, visit.staff, visit.field("reason"), visit.at, of_outlet=code
    )
    return Redirect(f"{people.path_of(code)}/entitlements", "redemption_cancelled")
