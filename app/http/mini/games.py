"""Games: what can be played, its state, and playing."""

from typing import Any

import msgspec

from app.http import payloads
from app.http.endpoints import Call, Endpoint, Reply
from app.http.limits import Limit
from app.http.mini import switching
from games import plays
from games.base import PLAY_REFUSALS, Game, Play
from games.registry import GAMES
from loyalty.errors import DatabaseUnavailable, IdempotencyKeyReused, Overloaded, TryAgain
from loyalty.switches.errors import FeatureOff

PLAYS = Limit("plays", 60, 60)
"""Of one member, redemptions included: a bucket more for each member is memory that nobody asked for."""


class GameView(msgspec.Struct, frozen=True):
    """A game that there is."""

    code: str
    name: str


class GamesView(msgspec.Struct, frozen=True):
    """All of them."""

    items: list[GameView]
    next_cursor: str | None = None


async def list_games(call: Call) -> GamesView:
    """List the games that the member's outlet sees."""
    seen = [game for game in GAMES if await switching.is_on(call, game.code)]
    return GamesView([GameView(game.code, game.name) for game in seen])


def endpoints_of(game: Game) -> tuple[Endpoint, Endpoint]:
    """Give a game's two calls, typed and documented from what the game says of itself."""
    answer = msgspec.defstruct(
        f"{type(game).__name__}Play",
        [("outcome", game.outcome_type), ("balance_points", int), ("repeated", bool)],
        frozen=True,
        namespace={"__doc__": "A play: its outcome, today's balance, and whether this key had been played before."},
    )

    async def read_state(call: Call) -> Any:
        await switching.require(call, game.code)
        return await plays.state(game, call.principal, call.at)

    async def play(call: Call) -> Reply:
        await switching.require(call, game.code)
        played = await call.resources.plays[game.code].submit(
            Play(call.principal, call.key, payloads.input_hash(game.code, call.body), call.body, call.at)
        )
        if not played.repeated:
            switching.used(call, game.code)
        view = answer(played.outcome, played.balance_points, played.repeated)
        return Reply(view, 200 if played.repeated else 201)

    return (
        Endpoint(
            "GET",
            f"/games/{game.code}",
            f"{game.name}：现在的状态",
            read_state,
            game.state_type,
            refusals=(*PLAY_REFUSALS, FeatureOff),
        ),
        Endpoint(
            "POST",
            f"/games/{game.code}/plays",
            f"{game.name}：参加一次",
            play,
            answer,
            statuses=(201, 200),
            body=game.input_type,
            keyed=True,
            limit=PLAYS,
            refusals=(
                *PLAY_REFUSALS,
                *game.refusals,
                FeatureOff,
                IdempotencyKeyReused,
                TryAgain,
                Overloaded,
                DatabaseUnavailable,
            ),
        ),
    )
