"""Every verb of the ledger in any order, late and at once, against a model in plain integers."""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from loyalty.clock import business_date
from loyalty.customers.personal import DataKeys
from loyalty.points.earnings.earnings import Earning
from loyalty.points.ledger import Accrual, Adjustment, Redemption
from loyalty.points.rules import DayCap, ExpiryTerms
from loyalty.points.settlements import Reversal, Settlement
from tests import factories
from tests.loyalty import ledger_world
from tests.loyalty.ledger_facts import Campaign, Source
from tests.loyalty.ledger_model import Model
from tests.loyalty.ledger_world import Call, Stored

STEPS = int(os.environ.get("LEKETONG_LEDGER_STEPS", "10000"))
"""In all; `make soak` asks for more."""
SEED = int(os.environ.get("LEKETONG_LEDGER_SEED", "20261123"))
"""Another one in `make soak`; without it the same steps are taken each time."""
PARTS = 4
"""Tests that share the steps: pytest ends one that takes too long."""
ROUND_STEPS = 10_000
RUN_STEPS = 60
ALL_FROM = 40
"""A wish for more points than these is one for all there are."""
CHECKED_EVERY = 20
STEP_SECONDS_MAX = 60
START = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)
SHOPS = (1, 2, 3)
LATE_DAYS = (0, 0, 0, 0, 1, 7, 40, 400)
HOURS = (timedelta(0), timedelta(hours=13, minutes=59, seconds=59), timedelta(hours=14))
"""Before, at and after the last second of the Shanghai day."""
SHARES = ((1, 1), (1, 2), (1, 3), (2, 3), (3, 7), (5, 7), (0, 1), (49, 50))
TERMS = (
    ExpiryTerms(months=1),
    ExpiryTerms(months=2, grace_days=0),
    ExpiryTerms(months=0, period="quarter", grace_days=3),
    ExpiryTerms(months=3, period="year"),
    ExpiryTerms("fixed", months=0, dates=("02-29", "06-30", "11-20"), grace_days=10),
    ExpiryTerms("fixed", months=2, dates=("12-31",)),
)
Result = TypeVar("Result")
Known = tuple[list[Source], list[Source]]
"""Documents that earned and that spent."""


class Wish(NamedTuple):
    """What an item of a call is made from."""

    shop: int
    which: int
    points: int
    when: int


WISHES = st.lists(
    st.builds(Wish, st.sampled_from(SHOPS), st.integers(0, 11), st.integers(1, 60), st.integers(0, 23)),
    min_size=1,
    max_size=3,
)
CALLS = st.tuples(st.sampled_from((*ledger_world.VERBS, "expire")), WISHES)


class LedgerMachine(RuleBasedStateMachine):
    """The ledger and its model, side by side."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    steps: ClassVar[int] = 0
    met: ClassVar[int] = 0
    """How many steps ran several verbs at once."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.stored = Model(), Stored()
        self.now = START
        self.taken = 0
        self.sound = True
        self.earned: list[Source] = []
        self.spent: list[Source] = []
        self.adjusted: list[Source] = []
        self.wait(ledger_world.emptied())
        self._plan("expiry", date(2020, 1, 1), TERMS[0])
        self._plan("day_cap", date(2020, 1, 1), DayCap(150))
        for campaign in (
            Campaign(START - timedelta(days=10), START + timedelta(days=60), 400, 150, 60),
            Campaign(START, START + timedelta(days=5_000), None, None, None),
        ):
            self.model.campaigns[self.wait(ledger_world.ran(campaign))] = campaign

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something on the loop of the open database."""
        sound, self.sound = self.sound, False
        result = asyncio.run_coroutine_threadsafe(work, self.loop).result(STEP_SECONDS_MAX)
        self.sound = sound
        return result

    @rule(wishes=WISHES)
    def accrue(self, wishes: list[Wish]) -> None:
        self._alone("accrue", wishes)

    @rule(wishes=WISHES)
    def pend(self, wishes: list[Wish]) -> None:
        self._alone("pend", wishes)

    @rule(wishes=WISHES)
    def redeem(self, wishes: list[Wish]) -> None:
        self._alone("redeem", wishes)

    @rule(wishes=WISHES)
    def adjust(self, wishes: list[Wish]) -> None:
        self._alone("adjust", wishes)

    @rule(wishes=WISHES)
    def earn(self, wishes: list[Wish]) -> None:
        self._alone("earn", wishes)

    @rule(wishes=WISHES)
    def release(self, wishes: list[Wish]) -> None:
        self._alone("release", wishes)

    @rule(wishes=WISHES)
    def cancel(self, wishes: list[Wish]) -> None:
        self._alone("cancel", wishes)

    @rule(wishes=WISHES)
    def reverse(self, wishes: list[Wish]) -> None:
        self._alone("reverse", wishes)

    @rule(wishes=WISHES)
    def refund(self, wishes: list[Wish]) -> None:
        self._alone("refund", wishes)

    @rule(wishes=WISHES)
    def expire(self, wishes: list[Wish]) -> None:
        self._alone("expire", wishes)

    @rule(one=CALLS, other=CALLS)
    def two_at_once(self, one: tuple[str, list[Wish]], other: tuple[str, list[Wish]]) -> None:
        self._together([one, other])

    @rule(calls=st.lists(CALLS, min_size=3, max_size=3))
    def three_at_once(self, calls: list[tuple[str, list[Wish]]]) -> None:
        self._together(calls)

    @rule(days=st.integers(1, 50))
    def days_pass(self, days: int) -> None:
        self.now += timedelta(days=days)
        self._count()

    @rule(number=st.integers(0, len(TERMS) - 1), days=st.integers(2, 20))
    def the_rule_changes(self, number: int, days: int) -> None:
        on = business_date(self.now) + timedelta(days=days)
        if all(known != on for known, _, _ in self.model.terms):
            self._plan("expiry", on, TERMS[number])
        if number < 3 and all(known != on for known, _ in self.model.day_caps):
            self._plan("day_cap", on, DayCap((None, 40, 300)[number]))
        self._count()

    def teardown(self) -> None:
        if self.sound:
            self._check()

    def _alone(self, verb: str, wishes: list[Wish]) -> None:
        """Run a verb, and compare its answers."""
        call = self._call(verb, wishes)
        answers = self.wait(ledger_world.run(call))
        wanted = ledger_world.expected(self.model, call)
        self._require(answers == wanted, call, answers, wanted)
        self._count()

    def _together(self, kinds: list[tuple[str, list[Wish]]]) -> None:
        """Run verbs at once, and find an order that explains their answers and what they left."""
        calls: list[Call] = []
        for verb, wishes in kinds:
            if verb != "expire" or all(call.verb != "expire" for call in calls):
                several = len(wishes) > 1
                # A call first looks for what it settles, then waits for locks: a document that another call makes
                # meanwhile is not there for it, though items beside it see the other call's work.
                known = self._settled_by(verb) if several else None
                # So it is with an account that is only being made.
                strangers = verb == "redeem" and several and len(self.stored.accounts) < len(SHOPS)
                calls.append(self._call(verb, wishes[:1] if strangers else wishes, known))
        answers = self.wait(self._at_once(calls))
        after = ledger_world.explained(self.model, calls, answers, self.stored)
        self._require(after is not None, calls, answers, self.stored.differences(self.model))
        if after is not None:
            self.model = after
        LedgerMachine.met += 1
        self._count()

    def _settled_by(self, verb: str) -> Known:
        """Give what a verb would find now; what was paid at once may still be promised by another call."""
        earned = self._entered(self.earned, *(("pending", "accrual") if verb == "reverse" else ("pending",)))
        return earned, self._entered(self.spent, "redemption")

    def _entered(self, documents: list[Source], *kinds: str) -> list[Source]:
        """Give the documents that have an entry of some kind; one that was refused has none."""
        return [one for one in documents if any((kind, one) in self.model.entries for kind in kinds)]

    async def _at_once(self, calls: Sequence[Call]) -> list[list[object]]:
        answers = await asyncio.gather(*(ledger_world.run(call) for call in calls))
        await self.stored.read()
        return answers

    def _plan(self, book: str, on: date, body: ExpiryTerms | DayCap) -> None:
        version = self.wait(ledger_world.planned(book, on, body))
        if isinstance(body, ExpiryTerms):
            self.model.terms.append((on, version, body))
        else:
            self.model.day_caps.append((on, body))

    def _count(self) -> None:
        LedgerMachine.steps += 1
        self.taken += 1
        if self.taken % CHECKED_EVERY == 0:
            self._check()

    def _check(self) -> None:
        self.wait(self.stored.read())
        differences = self.stored.differences(self.model)
        proven = self.wait(ledger_world.proven())
        self._require(not differences and not proven, differences, proven)

    def _require(self, holds: bool, *about: object) -> None:
        self.sound = self.sound and holds
        assert holds, "\n".join(str(one) for one in about)

    def _call(self, verb: str, wishes: list[Wish], known: Known | None = None) -> Call:
        if verb == "expire":
            today = business_date(self.now)
            # Also the very last day of some lot, and the day after it.
            ends = sorted({day for (_, day), points in self.model.lots.items() if points} or {today})
            end = ends[wishes[0].points % len(ends)]
            before = (today, today + timedelta(days=1), end, end + timedelta(days=1))[wishes[0].which % 4]
            return Call("expire", (), before, self.now)
        return Call(verb, [self._item(verb, wish, number, known) for number, wish in enumerate(wishes)])

    def _item(self, verb: str, wish: Wish, number: int, known: Known | None) -> Any:
        """Make an item: of a document that is new or was there before, today or late."""
        at = self.now - timedelta(days=LATE_DAYS[wish.when % 8]) + HOURS[wish.when // 8]
        why = f"{verb} {number}"
        if verb in {"accrue", "pend", "earn"}:
            kind, name = self._document(self.earned, "order", wish)
            campaign = (None, 1, 2)[wish.which % 3]
            if verb == "earn":
                accrual = Accrual(self._shop(name), None, wish.points, kind, name, "orders:1", why, at, campaign)
                return Earning(accrual, "orders", (None, 50)[wish.which % 2], pending=wish.points % 2 == 0)
            # Only earnings spend a budget; what is paid without one belongs to none.
            return Accrual(self._shop(name), None, wish.points, kind, name, "checkin:1", why, at)
        if verb == "redeem":
            kind, name = self._document(self.spent, "redemption", wish)
            # Often all there is, so that what is taken back afterwards is owed.
            points = (
                wish.points if wish.points <= ALL_FROM else self.model.spendable(self._shop(name), business_date(at))
            )
            return Redemption(self._shop(name), None, points or wish.points, kind, name, "shop:1", why, at)
        if verb == "adjust":
            kind, name = self._document(self.adjusted, "correction", wish)
            points = wish.points if wish.which % 2 else -wish.points
            return Adjustment(self._shop(name), points, kind, name, "limits:1", why, at)
        documents = (known or (self.earned, self.spent))[verb == "refund"] or [("order", "nobody")]
        kind, name = documents[-1 - wish.which % len(documents)]
        if verb in {"release", "cancel"}:
            return Settlement(kind, name, why, at)
        share = SHARES[wish.points % 8]
        own = (kind, name) if wish.points % 7 == 0 else ("return", f"{kind} {name} {wish.points % 5}")
        return Reversal(kind, name, *share, *own, why, at)

    @staticmethod
    def _document(known: list[Source], kind: str, wish: Wish) -> tuple[str, str]:
        """Give a document of an outlet: in one case of three one that was there before, if only in this call."""
        if known and wish.which in {0, 3, 4, 8}:
            return known[-1 - wish.which // 4 * 2 % len(known)]
        known.append((kind, f"{wish.shop}-{len(known)}"))
        return known[-1]

    @staticmethod
    def _shop(name: str) -> int:
        return int(name.partition("-")[0])


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_verb_does_what_plain_integers_say(db: str, data_keys: DataKeys, part: int) -> None:
    for _ in SHOPS:
        await factories.outlet(START, data_keys)
    LedgerMachine.loop = asyncio.get_running_loop()
    LedgerMachine.steps = LedgerMachine.met = 0
    share = -(-STEPS // PARTS)
    # Hypothesis remembers all that it tried: in rounds, a long soak fits into memory.
    for number in range(-(-share // ROUND_STEPS) * 2 + 10):
        left = min(share - LedgerMachine.steps, ROUND_STEPS)
        if left > 0:
            plan = settings(
                max_examples=-(-left // RUN_STEPS) + 1,
                stateful_step_count=RUN_STEPS,
                database=None,
                deadline=None,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            )
            seeded = seed((SEED * PARTS + part) * 10_000 + number)(LedgerMachine)
            await asyncio.to_thread(run_state_machine_as_test, seeded, settings=plan)
    assert LedgerMachine.steps >= share
    assert LedgerMachine.met >= share // 20
