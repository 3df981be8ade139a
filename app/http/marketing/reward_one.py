"""One reward: as members see it, what it cost and brought, its states, its picture, its returned units."""

from collections.abc import Sequence
from datetime import timedelta

from app.http import errors
from app.http.console.components import Action, Chart, Dialog, Form, reason_field, with_errors
from app.http.console.forms import fault_of
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import int_id
from app.http.console.stories import moment_of
from app.http.console.whole import require_whole
from app.http.marketing.reward_facts import CRUMBS, ROLES, ROOT_PATH, STATES, facts_of, figures_of
from app.http.pictures import path_of
from loyalty import transactions
from loyalty.campaigns import allotments, campaigns
from loyalty.campaigns.allotments import Allotment
from loyalty.clock import business_date
from loyalty.errors import NotFound, Refusal
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditSearch
from loyalty.pictures import pictures
from loyalty.rewards import catalogue
from loyalty.rewards.results import results
from loyalty.rewards.rules import NEXT, Reward, State
from loyalty.rewards.types import registry

MOVES: dict[State, tuple[str, str]] = {
    "live": ("上架", "店主马上能看到并兑换。"),
    "paused": ("暂停", "店主马上不能兑换；已经兑到的不受影响。"),
    "ended": ("结束", "以后不能再上架；已经兑到的在有效期内照样能用。"),
}
GO_ON = ("继续", "店主马上又能兑换。")
RETURNED = "returned"
PICTURE = "picture"
DAYS = 30
STORY_MAX = 50
UPLOAD_BYTES_MAX = pictures.BYTES_MAX + 16 * 1024


async def read(visit: Visit) -> Reward:
    """Read the reward that the address names. Raises PathUnknown, RewardUnknown."""
    async with transactions.reader():
        return await catalogue.read(int_id(visit.params["id"]))


async def show_reward(visit: Visit) -> Answer:
    """Show a reward as members see it, what it cost and brought, and what can be done."""
    await require_whole(visit)
    return await _shown(visit)


def _dialogs(one: Reward, kept: Allotment | None) -> tuple[Dialog, ...]:
    path = f"{ROOT_PATH}/{one.id}"
    found = []
    for to in NEXT[one.state]:
        word, sentence = GO_ON if (one.state, to) == ("paused", "live") else MOVES[to]
        form = Form(f"{path}/{to}", (reason_field(),), word, "danger" if to == "ended" else "primary", id=f"{to}-form")
        found.append(Dialog(to, f"{word}“{one.name}”", sentence, form))
    if kept is not None and kept.units_returned and one.state != "ended":
        sentence = f"有 {kept.units_returned:,} 份是退回来的，放开后大家都能兑。"
        form = Form(f"{path}/{RETURNED}", (reason_field(),), "放开退回的", id=f"{RETURNED}-form")
        found.append(Dialog(RETURNED, f"放开退回的“{one.name}”", sentence, form))
    return tuple(found)


def _actions(one: Reward, dialogs: Sequence[Dialog]) -> tuple[Action, ...]:
    edit = Action("修改", href=f"{ROOT_PATH}/{one.id}/edit", tone="plain")
    return (
        *(() if one.state == "ended" else (edit,)),
        *(
            Action(dialog.form.submit, dialog=dialog.id, tone="plain" if dialog.id == RETURNED else dialog.form.tone)
            for dialog in dialogs
        ),
    )


def _chart(taken: Sequence[tuple[str, int]]) -> Chart:
    days, counts = tuple(day for day, _ in taken), tuple(count for _, count in taken)
    return Chart("redemptions", f"近 {DAYS} 天兑换", "bar", days, (("兑换份数", counts),), "日期")


async def _shown(visit: Visit, refused: Refusal | None = None, where: str = "") -> View:
    """Show the page; with a refusal, told in the form that ``where`` names: a dialog's id, or PICTURE."""
    one = await read(visit)
    today = business_date(visit.at)
    days = [today - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    wanted = AuditSearch(subject_kind="reward", subject_id=str(one.id))
    async with transactions.reader():
        result = (await results.totals([one.id]))[one.id]
        taken = await results.per_day(one.id, days[0])
        found = await allotments.read([one.allotment_id]) if one.allotment_id is not None else {}
        payer = await campaigns.read([one.campaign_id]) if one.campaign_id is not None else {}
        story = await audit.search(visit.reach.node_ids, wanted, 0, STORY_MAX)
    kept = found.get(one.allotment_id or 0)
    dialogs = _dialogs(one, kept)
    faults = {} if refused is None else fault_of(refused)
    if refused is not None and where not in {PICTURE, *(dialog.id for dialog in dialogs)}:
        # Somebody has moved it meanwhile: the form that was sent is no longer here to say it in.
        raise refused
    state, tone = STATES[one.state]
    status = 200 if refused is None else errors.status_of(refused)
    return View(
        "console/reward.html",
        one.name,
        {
            "figures": figures_of(one, result, kept),
            "facts": facts_of(one, state, tone, payer.get(one.campaign_id or 0)),
            "picture": None if one.picture_id is None else path_of(one.picture_id),
            "preview": (one.name, registry.sentence_of(one.type, one.terms), one.cost_points),
            "description": one.description,
            "actions": _actions(one, dialogs),
            "dialogs": tuple(
                Dialog(dialog.id, dialog.title, dialog.sentence, with_errors(dialog.form, visit.form, faults))
                if faults and dialog.id == where
                else dialog
                for dialog in dialogs
            ),
            "upload": None if one.state == "ended" else f"{ROOT_PATH}/{one.id}/{PICTURE}",
            "upload_reason": visit.field("reason") if where == PICTURE else "",
            "reason_length_max": audit.REASON_LENGTH_MAX,
            "picture_faults": faults if where == PICTURE else {},
            "chart": _chart([(f"{day.month}月{day.day}日", taken.get(day, 0)) for day in days]),
            "moments": tuple(moment_of(entry) for entry in story),
        },
        status,
        CRUMBS,
    )


async def _move(visit: Visit, state: State) -> Answer:
    await require_whole(visit)
    one = int_id(visit.params["id"])
    try:
        await catalogue.move(one, state, visit.staff.actor, visit.field("reason"), visit.at)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _shown(visit, refusal, state)
    return Redirect(f"{ROOT_PATH}/{one}", "reward_moved")


async def go_live(visit: Visit) -> Answer:
    """Offer a reward in the shop."""
    return await _move(visit, "live")


async def pause(visit: Visit) -> Answer:
    """Stop offering a reward for a while."""
    return await _move(visit, "paused")


async def end(visit: Visit) -> Answer:
    """Stop offering a reward for ever."""
    return await _move(visit, "ended")


async def free_returned(visit: Visit) -> Answer:
    """Let everybody have the units that were given back."""
    await require_whole(visit)
    one = int_id(visit.params["id"])
    try:
        await catalogue.free_returned(one, visit.staff.actor, visit.field("reason"), visit.at)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _shown(visit, refusal, RETURNED)
    return Redirect(f"{ROOT_PATH}/{one}", "reward_saved")


async def keep_picture(visit: Visit) -> Answer:
    """Give a reward another picture."""
    await require_whole(visit)
    one = int_id(visit.params["id"])
    content = visit.files.get(PICTURE, b"")
    try:
        await catalogue.set_picture(one, content, visit.staff.actor, visit.field("reason"), visit.at)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _shown(visit, refusal, PICTURE)
    return Redirect(f"{ROOT_PATH}/{one}", "reward_saved")


PAGES = (
    Page("GET", "/rewards/{id}", show_reward, ROLES),
    Page("POST", "/rewards/{id}/live", go_live, ROLES),
    Page("POST", "/rewards/{id}/paused", pause, ROLES),
    Page("POST", "/rewards/{id}/ended", end, ROLES),
    Page("POST", "/rewards/{id}/returned", free_returned, ROLES),
    Page("POST", "/rewards/{id}/picture", keep_picture, ROLES, upload_bytes_max=UPLOAD_BYTES_MAX),
)
