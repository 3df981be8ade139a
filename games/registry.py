"""The games there are: one literal tuple."""

from games.base import Game
from games.checkin.game import Checkin

GAMES: tuple[Game, ...] = (Checkin(),)

BY_CODE: dict[str, Game] = {game.code: game for game in GAMES}
