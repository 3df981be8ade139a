"""Loaded by Schemathesis: calls of a member are made by many members in turn, so that limits per member hide little."""

import os
from itertools import cycle
from typing import Any

import schemathesis

TOKENS = os.environ["LEKETONG_TEST_TOKENS"].split(",")
_turns = cycle(TOKENS)


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Take turns wherever the first member's token would be shown."""
    if case.headers.get("Authorization") == f"Bearer {TOKENS[0]}":
        case.headers["Authorization"] = f"Bearer {next(_turns)}"
