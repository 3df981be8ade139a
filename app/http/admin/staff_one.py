"""One of the staff: roles, password, log-ins, leaving."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from app.http import errors
from app.http.admin.staff import ADMIN, CRUMBS, end_of, grant_fields, missing, node_options, state_of
from app.http.console import words
from app.http.console.components import Action, Dialog, Fact, Field, Form, Tone, reason_field, with_errors
from app.http.console.forms import fault_of
from app.http.console.pages import Answer, Page, Redirect, View, Visit
from app.http.console.paths import chosen_id, int_id
from app.http.console.stories import moment_of
from loyalty import transactions
from loyalty.customers.territory import assignments
from loyalty.errors import Refusal
from loyalty.organisation import audit
from loyalty.organisation.audit import AuditSearch
from loyalty.staff import grants, logins, people
from loyalty.staff.errors import OwnGrants, StaffLeft
from loyalty.staff.grants import KeptGrant
from loyalty.staff.people import Profile
from loyalty.staff.rules import Role, is_live

STORY_MAX = 30


async def show_staff(visit: Visit) -> Answer:
    """Show one of the staff."""
    return await _shown(visit, int_id(visit.params["id"]))


async def _shown(visit: Visit, staff_id: int, grant_form: Form | None = None, status: int = 200) -> View:
    reach = visit.reach.node_ids
    async with transactions.reader():
        profile = await people.read(staff_id, reach)
        held = await grants.of(staff_id, reach)
        is_mine = await grants.reaches_whole(staff_id, visit.staff, visit.at)
        story = await audit.search(reach, AuditSearch(subject_kind="staff", subject_id=str(staff_id)), 0, STORY_MAX)
        outlets = (await assignments.counts([staff_id], visit.at)).get(staff_id, 0)
        others = [one for one in await people.choices(reach, ("rep",), "", visit.at) if one.id != staff_id]
    sessions = await logins.sessions(staff_id, visit.at)
    locked = profile.locked_until is not None and profile.locked_until > visit.at
    state, tone = state_of(profile.left_at is not None, locked, profile.has_password)
    successors = tuple((str(one.id), f"{one.name}（{one.code}）") for one in others)
    return View(
        "console/staff.html",
        profile.name,
        {
            "profile": profile,
            "facts": (
                Fact("工号", profile.code),
                Fact("状态", state, tone),
                Fact("负责门店", f"{outlets} 家"),
                Fact("登录着的设备", f"{len(sessions)} 台"),
                Fact("密码", _password_state(profile)),
            ),
            "grants": [(one, *_grant_state(one, visit.at)) for one in held],
            "role_words": words.ROLES,
            "kind_words": words.KINDS,
            "actions": _actions(visit, profile, locked=locked) if is_mine else (),
            "is_mine": is_mine,
            "dialogs": _dialogs(profile, outlets, successors, held, visit.at),
            "grant_form": grant_form
            or Form(
                action=f"/admin/staff/{staff_id}/grants",
                submit="授予角色",
                fields=grant_fields(await node_options(visit)),
                id="grant",
            ),
            "moments": tuple(moment_of(one) for one in story),
            "is_me": profile.id == visit.staff.id,
        },
        status,
        CRUMBS,
    )


def _password_state(profile: Profile) -> str:
    if not profile.has_password:
        return "还没设置"
    return "临时密码，等 TA 登录后更换" if profile.password_is_temporary else "本人设置的"


def _grant_state(one: KeptGrant, at: datetime) -> tuple[str, Tone]:
    if is_live(one.from_at, one.until_at, at):
        return "有效", "good"
    return ("未开始", "info") if one.from_at > at else ("已结束", "quiet")


def _actions(visit: Visit, profile: Profile, *, locked: bool) -> tuple[Action, ...]:
    if profile.id == visit.staff.id:
        return ()
    if profile.left_at is not None:
        return (Action("恢复在职", dialog="return", tone="plain"),)
    unlock = (Action("解锁", dialog="unlock"),) if locked else ()
    return (
        *unlock,
        Action("重置密码" if profile.has_password else "设置密码", dialog="reset", tone="plain"),
        Action("结束登录", dialog="end-sessions", tone="plain"),
        Action("办理离职", dialog="leave", tone="danger"),
    )


def _dialogs(
    profile: Profile, outlets: int, successors: tuple[tuple[str, str], ...], held: Sequence[KeptGrant], at: datetime
) -> tuple[Dialog, ...]:
    path = f"/admin/staff/{profile.id}"
    reason = reason_field()
    handing = Field(
        "successor_id",
        f"{outlets} 家门店交给谁",
        kind="select",
        options=successors,
        hint="不选的话，这些门店暂时没有业务员。",
    )
    ends = tuple(
        Dialog(
            f"end-grant-{one.id}",
            f"结束“{words.ROLES[one.role]}”角色",
            f"{profile.name}在{one.node_name}的这个角色会马上失效，历史会保留。",
            Form(f"{path}/grants/{one.id}/end", (reason,), "结束角色", "danger", id=f"end-grant-form-{one.id}"),
        )
        for one in held
        if one.until_at is None or one.until_at > at
    )
    return (
        Dialog(
            "reset",
            "给一个临时密码",
            "TA 现有的登录会全部退出，锁定也会解除。临时密码只显示一次。",
            Form(f"{path}/password", (), "生成临时密码", id="reset-form"),
        ),
        Dialog("unlock", "解锁", "TA 马上就能再试密码。", Form(f"{path}/unlock", (), "解锁", id="unlock-form")),
        Dialog(
            "end-sessions",
            "结束所有登录",
            "TA 在所有设备上都要重新登录。",
            Form(f"{path}/sessions/end", (), "结束登录", id="end-sessions-form"),
        ),
        Dialog(
            "leave",
            f"为{profile.name}办理离职",
            "所有角色和登录马上结束，做过的事都会保留。",
            Form(f"{path}/leave", (*((handing,) if outlets else ()), reason), "办理离职", "danger", id="leave-form"),
        ),
        Dialog(
            "return",
            f"恢复{profile.name}在职",
            "工号和历史都在，角色和密码要重新给。",
            Form(f"{path}/return", (reason,), "恢复在职", id="return-form"),
        ),
        *ends,
    )


async def add_grant(visit: Visit) -> Answer:
    """Give a role."""
    staff_id = int_id(visit.params["id"])
    form = Form(
        action=f"/admin/staff/{staff_id}/grants",
        submit="授予角色",
        fields=grant_fields(await node_options(visit)),
        id="grant",
    )
    wrong = missing(visit, ("role", "node_id"))
    if wrong:
        return await _shown(visit, staff_id, with_errors(form, visit.form, wrong), 422)
    try:
        await grants.add(
            staff_id,
            cast(Role, visit.field("role")),
            chosen_id(visit.field("node_id"), "node_id"),
            visit.at,
            end_of(visit.field("until_on")),
            visit.staff,
            visit.at,
        )
    except (OwnGrants, StaffLeft):
        # Their page has no such form to say it at.
        raise
    except Refusal as refusal:
        again = with_errors(form, visit.form, fault_of(refusal, until_at="until_on"))
        return await _shown(visit, staff_id, again, errors.status_of(refusal))
    return Redirect(f"/admin/staff/{staff_id}", "grant_added")


async def end_grant(visit: Visit) -> Answer:
    """End a role."""
    await grants.end(int_id(visit.params["grant_id"]), visit.staff, visit.field("reason"), visit.at)
    return Redirect(f"/admin/staff/{int_id(visit.params['id'])}", "grant_ended")


async def reset_password(visit: Visit) -> Answer:
    """Make a temporary password and show it this once."""
    staff_id = int_id(visit.params["id"])
    password = await logins.reset_password(staff_id, visit.staff, visit.at)
    async with transactions.reader():
        profile = await people.read(staff_id, visit.reach.node_ids)
    return View(
        "console/secret.html",
        "临时密码",
        {
            "sentence": f"请告诉{profile.name}（工号 {profile.code}），第一次登录时换成自己的。",
            "secret": password,
            "back_href": f"/admin/staff/{staff_id}",
        },
        crumbs=(*CRUMBS, (profile.name, f"/admin/staff/{staff_id}")),
    )


async def unlock(visit: Visit) -> Answer:
    """Let somebody who is locked try again."""
    staff_id = int_id(visit.params["id"])
    await logins.unlock(staff_id, visit.staff, visit.at)
    return Redirect(f"/admin/staff/{staff_id}", "unlocked")


async def end_sessions(visit: Visit) -> Answer:
    """End somebody's sessions."""
    staff_id = int_id(visit.params["id"])
    await logins.end_all_sessions(staff_id, visit.staff, visit.at)
    return Redirect(f"/admin/staff/{staff_id}", "sessions_ended")


async def leave(visit: Visit) -> Answer:
    """Let somebody go, and hand their outlets over."""
    staff_id = int_id(visit.params["id"])
    successor = visit.field("successor_id")
    await assignments.leave(
        staff_id,
        chosen_id(successor, "successor_id") if successor else None,
        visit.staff,
        visit.field("reason"),
        visit.at,
    )
    return Redirect(f"/admin/staff/{staff_id}", "staff_left")


async def bring_back(visit: Visit) -> Answer:
    """Take somebody back who had left."""
    staff_id = int_id(visit.params["id"])
    await grants.bring_back(staff_id, visit.staff, visit.field("reason"), visit.at)
    return Redirect(f"/admin/staff/{staff_id}", "staff_returned")


PAGES = (
    Page("GET", "/staff/{id}", show_staff, ADMIN),
    Page("POST", "/staff/{id}/grants", add_grant, ADMIN),
    Page("POST", "/staff/{id}/grants/{grant_id}/end", end_grant, ADMIN),
    Page("POST", "/staff/{id}/password", reset_password, ADMIN),
    Page("POST", "/staff/{id}/unlock", unlock, ADMIN),
    Page("POST", "/staff/{id}/sessions/end", end_sessions, ADMIN),
    Page("POST", "/staff/{id}/leave", leave, ADMIN),
    Page("POST", "/staff/{id}/return", bring_back, ADMIN),
)
