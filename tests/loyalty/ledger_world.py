"""The real ledger as the state machine sees it: calls of verbs, what is stored then, and orders that explain it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import msgspec

from loyalty import transactions
from loyalty.errors import Refusal
from loyalty.points import ledger, settlements
from loyalty.points.derived.proofs import PROOFS
from loyalty.points.earnings import earnings
from tests.loyalty.ledger_facts import Campaign, Entry, Key, Lots
from tests.loyalty.ledger_model import Model

VERBS: dict[str, Callable[[Any], Any]] = {
    "accrue": ledger.accrue,
    "pend": ledger.pend,
    "redeem": ledger.redeem,
    "adjust": ledger.adjust,
    "earn": earnings.earn,
    "release": settlements.release,
    "cancel": settlements.cancel,
    "reverse": settlements.reverse,
    "refund": settlements.refund,
}
EMPTIED = "points_accounts, points_lots, ledger_entries, capped_points, campaigns, rule_versions"
LOTS_MAX = 100_000
"""More lots than there are: a call of expire takes all that are due."""


@dataclass(frozen=True)
class Call:
    """One call of a verb, as one transaction. That of ``expire`` has no items, but a day and a time."""

    verb: str
    items: Sequence[Any]
    before: date = date.min
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)


Sweep = Sequence[tuple[int, date]]
"""The lots that a sweep takes of one outlet."""


def told(answers: Sequence[object]) -> list[object]:
    """Give answers so that they compare: refusals by their code and data."""
    return [(one.code, one.data) if isinstance(one, Refusal) else one for one in answers]


async def run(call: Call) -> list[object]:
    """Run a verb in a transaction of its own; give its answers."""
    try:
        async with transactions.begin():
            if call.verb == "expire":
                return [(await ledger.expire(call.before, LOTS_MAX, call.at)).points]
            return told(await VERBS[call.verb](call.items))
    except Exception as fault:
        fault.add_note(str(call))
        raise


def expected(model: Model, call: Call) -> list[object]:
    """Run a verb on the model; give its answers."""
    if call.verb == "expire":
        return [model.expire(model.due(call.before))]
    return told(getattr(model, call.verb)(call.items))


def explained(model: Model, calls: Sequence[Call], answers: Sequence[list[object]], real: "Stored") -> Model | None:
    """Give the model as some order of the calls leaves it that gave these answers and this state; None if none did.

    A sweep takes the lots that were due when it began, outlet by outlet; of lots that others make or fill meanwhile it
    may take some and leave the rest to the next one. So it counts as one part for each outlet, and of lots that were
    empty it takes those that it says it took: the ledger may have no row for one of them, as when a call has given
    and taken the same points.
    """
    parts: list[tuple[int, Call | Sweep]] = []
    for number, call in enumerate(calls):
        if call.verb == "expire":
            if answers[number] != [sum(real.swept.values()) - sum(model.swept.values())]:
                return None
            lots = {lot for lot in model.due(call.before) if model.lots[lot]}
            lots |= {lot for lot, gone in real.swept.items() if gone != model.swept.get(lot, 0)}
            parts += [
                (number, [lot for lot in lots if lot[0] == outlet]) for outlet in sorted({outlet for outlet, _ in lots})
            ]
        else:
            parts.append((number, call))
    return _searched(model, parts, answers, real)


def _searched(
    model: Model, parts: Sequence[tuple[int, "Call | Sweep"]], answers: Sequence[list[object]], real: "Stored"
) -> Model | None:
    if not parts:
        return None if real.differences(model) else model
    for place, (number, part) in enumerate(parts):
        after = model.copy()
        if not isinstance(part, Call):
            after.expire(part)
        elif expected(after, part) != answers[number]:
            continue
        found = _searched(after, [*parts[:place], *parts[place + 1 :]], answers, real)
        if found is not None:
            return found
    return None


@dataclass
class Stored:
    """What the database holds, read anew but for entries, which never change."""

    accounts: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    lots: dict[tuple[int, date], int] = field(default_factory=dict)
    campaigns: dict[int, tuple[int, bool, bool]] = field(default_factory=dict)
    earned: dict[tuple[int, str, date], int] = field(default_factory=dict)
    entries: dict[Key, Entry] = field(default_factory=dict)
    swept: dict[tuple[int, date], int] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    last_id: int = 0

    async def read(self) -> None:
        """Read it."""
        async with transactions.reader() as connection:
            rows = await connection.fetch("SELECT outlet_id, balance, pending, owed FROM points_accounts")
            self.accounts = {row[0]: (row[1], row[2], row[3]) for row in rows}
            rows = await connection.fetch("SELECT outlet_id, expires_on, points_left FROM points_lots")
            self.lots = {(row[0], row[1]): row[2] for row in rows if row[2]}
            rows = await connection.fetch(
                "SELECT id, spent_points, stopped_at IS NOT NULL, warned_at IS NOT NULL FROM campaigns"
            )
            self.campaigns = {row[0]: (row[1], row[2], row[3]) for row in rows}
            rows = await connection.fetch("SELECT outlet_id, scope, on_date, points FROM capped_points")
            self.earned = {(row[0], row[1], row[2]): row[3] for row in rows}
            rows = await connection.fetch("SELECT * FROM ledger_entries WHERE id > $1 ORDER BY id", self.last_id)
        for row in rows:
            self._keep(row)

    def _keep(self, row: asyncpg.Record) -> None:
        self.last_id = row["id"]
        moved = row["points"] + row["owed_change"]
        lots: Lots = ((row["expires_on"], moved),) if moved else ()
        if row["lot_dates"] is not None:
            lots = tuple(zip(row["lot_dates"], row["lot_points"], strict=True))
        if row["kind"] == "expiry":
            key = row["outlet_id"], row["expires_on"]
            self.swept[key] = self.swept.get(key, 0) - row["points"]
            return
        source = row["source_kind"], row["source_id"]
        self.keys[row["id"]] = row["kind"], source
        self.entries[row["kind"], source] = Entry(
            row["outlet_id"],
            row["kind"],
            source,
            row["points"],
            row["owed_change"],
            row["pending_change"],
            lots,
            self.keys.get(row["of_entry_id"]),
            row["campaign_id"],
            row["terms_id"],
        )

    def differences(self, model: Model) -> list[str]:
        """Name what is stored otherwise than the model says."""
        said = {outlet: (model.balance(outlet), model.pending.get(outlet, 0), model.owed.get(outlet, 0))
                for outlet in {*self.accounts, *model.owed, *model.pending, *(owner for owner, _ in model.lots)}
                }  # fmt: skip
        campaigns = {number: (one.spent, one.stopped, one.warned) for number, one in model.campaigns.items()}
        pairs: list[tuple[str, dict[Any, Any], dict[Any, Any]]] = [
            ("account", {outlet: self.accounts.get(outlet, (0, 0, 0)) for outlet in said}, said),
            ("lot", self.lots, {key: points for key, points in model.lots.items() if points}),
            ("campaign", self.campaigns, campaigns),
            ("cap", self.earned, model.earned),
            ("entry", self.entries, model.entries),
            ("swept", self.swept, {key: points for key, points in model.swept.items() if points}),
        ]
        return [
            f"{name} {key}: is {real.get(key)}, must be {wanted.get(key)}"
            for name, real, wanted in pairs
            if real != wanted
            for key in {*real, *wanted}
            if real.get(key) != wanted.get(key)
        ]


async def proven() -> list[str]:
    """Run every proof of the points module; give what they find."""
    async with transactions.reader():
        return [f"{one.proof}: {one.what}" for proof in PROOFS for one in await proof()]


async def emptied() -> None:
    """Empty the ledger and what it goes by."""
    async with transactions.begin() as connection:
        await connection.execute(f"TRUNCATE {EMPTIED} RESTART IDENTITY")


async def planned(book: str, on: date, body: msgspec.Struct) -> int:
    """Put a version of a rule book into force from a day on; give its id."""
    async with transactions.begin() as connection:
        made: int = await connection.fetchval(
            """
            INSERT INTO rule_versions (book, effective_on, body, made_by, made_at, reason)
            VALUES ($1, $2, $3::jsonb, 'tests', now(), 'test') RETURNING id
            """,
            book,
            on,
            msgspec.json.encode(body).decode(),
        )
        return made


async def ran(campaign: Campaign) -> int:
    """Make a campaign; give its id."""
    async with transactions.begin() as connection:
        made: int = await connection.fetchval(
            """
            INSERT INTO campaigns (code, name, from_at, until_at, budget_points, outlet_points_max,
                                   outlet_day_points_max, made_by, made_at)
            SELECT 'c' || count(*), 'test', $1, $2, $3, $4, $5, 'tests', now() FROM campaigns RETURNING id
            """,
            campaign.from_at,
            campaign.until_at,
            campaign.budget,
            campaign.outlet_max,
            campaign.outlet_day_max,
        )
        return made
