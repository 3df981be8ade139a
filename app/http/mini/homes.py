"""Home and texts: what a member, or a guest, sees first."""

from datetime import datetime

import msgspec

from app.homes import Home, HomeRequest
from app.http.endpoints import Call
from app.http.mini.sessions import OutletView
from app.http.payloads import Instant
from app.http.principals import Guest
from games.checkin.game import CheckinState
from loyalty.customers import texts
from loyalty.customers.texts import Text
from loyalty.errors import NotFound


class PointsSummary(msgspec.Struct, frozen=True):
    """The outlet's points."""

    balance: int
    pending: int


class FlashSummary(msgspec.Struct, frozen=True):
    """The next flash session."""

    session_id: str
    opens_at: Instant
    closes_at: Instant


class HomeView(msgspec.Struct, frozen=True):
    """What home shows. Without a binding, points and check-in are null and ``binding_required`` is true."""

    server_time: Instant
    guest: bool
    binding_required: bool
    outlet: OutletView | None
    points: PointsSummary | None
    checkin: CheckinState | None
    flash: FlashSummary | None
    switches: dict[str, bool]


class TextUnknown(NotFound):
    """There is no text of this name."""

    code = "text_unknown"
    title = "没有这份说明"
    sentence = "可以查看的有 privacy 和 rules。"


async def read_home(call: Call) -> HomeView:
    """Show home."""
    board = call.context.switches.board
    if isinstance(call.principal, Guest):
        return _view(call.at, Home(None, None, None), board.shown(None, call.at), guest=True)
    home = await call.resources.homes.submit(
        HomeRequest(call.principal, call.at, classified=board.needs_subject(call.at))
    )
    return _view(call.at, home, board.shown(home.subject, call.at), guest=False)


def _view(at: datetime, home: Home, switches: dict[str, bool], *, guest: bool) -> HomeView:
    standing, account = home.standing, home.account
    return HomeView(
        server_time=at,
        guest=guest,
        binding_required=standing is None,
        outlet=None
        if standing is None
        else OutletView(str(standing.outlet_id), standing.outlet_code, standing.outlet_name, standing.role),
        points=None if account is None else PointsSummary(account.balance, account.pending),
        checkin=home.checkin if switches["checkin"] else None,
        # Flash promotions are a capability of their own; their place is kept for clients.
        flash=None,
        switches=switches,
    )


async def read_text(call: Call) -> Text:
    """Show a versioned text."""
    for name, text in texts.TEXTS.items():
        if name == call.params["name"]:
            return text
    raise TextUnknown
