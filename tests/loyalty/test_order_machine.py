"""Orders, what they hold, points and reports in any order, repeated, lost and at once, against plain integers."""

import asyncio
import copy
import os
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

import msgspec
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from app.proofs import prove
from loyalty import transactions
from loyalty.catalogue.shelves import Shelves
from loyalty.customers.personal import DataKeys
from loyalty.errors import Refusal
from loyalty.ordering.errors import ShortageUnknown
from loyalty.ordering.fulfilment import completions, shortages
from loyalty.ordering.fulfilment.shortages import Decision
from loyalty.ordering.rules import Wish
from loyalty.points.statements import statements
from tests import rows
from tests.catalogue import AT, stocked
from tests.loyalty.order_model import Model, ModelOrder
from tests.ordering import entitled, ids, owner, placed, report, wished

STEPS = int(os.environ.get("LEKETONG_ORDER_STEPS", "2000"))
"""In all; `make soak` asks for more."""
SEED = int(os.environ.get("LEKETONG_ORDER_SEED", "20261124"))
RUN_STEPS = 40
ROUNDS_MAX = 200 + STEPS // 100
STEP_SECONDS_MAX = 60
REPORTS = ("confirmed", "shorted", "shipped", "delivered", "returned", "cancelled", "rejected")
WISHES = ("cancelled", "received")
WHICH, NAME = st.integers(0, 9), st.integers(0, 30)
LINES = st.dictionaries(st.integers(0, 2), st.integers(0, 9))
Result = TypeVar("Result")
Doing = tuple[Callable[[Model], Any], Coroutine[Any, Any, Any]]
CURRENT = "SELECT current_outlet_id FROM members WHERE id = $1"
PICTURE = """
    SELECT o.number, o.status, o.due_fen,
           (SELECT array_agg(ARRAY[l.cases_due, l.cases_returned] ORDER BY l.line_number) FROM order_lines l
             WHERE l.order_id = o.id) AS cases,
           (SELECT state FROM entitlements e WHERE e.id = o.coupon_id) AS coupon,
           (SELECT json_object_agg(s.line_number - 1, s.cases_short ORDER BY s.line_number)::text FROM order_shortages s
             WHERE s.order_id = o.id AND s.state = 'open') AS short
      FROM orders o WHERE o.member_id = $1
"""


class OrderMachine(RuleBasedStateMachine):
    """Orders and their model, side by side."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    db: ClassVar[str]
    data_keys: ClassVar[DataKeys]
    products: ClassVar[list[int]]
    steps: ClassVar[int] = 0
    confirmed: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.model, self.made = Model(), 0
        self.member = self.wait(owner(self.data_keys))
        ((found,),) = self.wait(rows.fetch(self.db, CURRENT, self.member.id))
        self.outlet_id = int(str(found))

    @property
    def now(self) -> datetime:
        """Tell the instant: each day at ten in the morning, Shanghai's time."""
        return AT + timedelta(days=self.model.day)

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something on the loop of the open database."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(STEP_SECONDS_MAX)

    @rule(cases=st.lists(st.integers(3, 9), min_size=1, max_size=3), coupon=st.booleans())
    def place(self, cases: list[int], coupon: bool) -> None:
        if len(self.model.orders) < 6:
            self.wait(self._place(cases, coupon))
            self._compare()

    async def _place(self, cases: list[int], coupon: bool) -> None:
        self.made += 1
        held: tuple[int, ...] = ()
        if coupon:
            kept = {"source_id": f"{self.member.id}-{self.made}", "expires_at": AT + timedelta(days=900)}
            held = (await entitled(self.db, self.member, "coupon", '{"off_fen": 500}', **kept),)
        lines = [Wish(product, number) for product, number in zip(self.products, cases, strict=False)]
        order = await placed(self.member, *lines, key=f"{self.made}", at=self.now, entitlement_ids=held)
        self.model.orders[order.number] = ModelOrder(list(cases), self.model.day + 1, coupon)

    @rule(which=WHICH, step=st.sampled_from(REPORTS), lines=LINES, name=NAME)
    def reported(self, which: int, step: str, lines: dict[int, int], name: int) -> None:
        doing = self._report(which, step, lines, name)
        if doing is not None:
            self._alone(doing)

    def _report(self, which: int, step: str, lines: dict[int, int], name: int) -> Doing | None:
        if not self.model.orders:
            return None
        number = list(self.model.orders)[which % len(self.model.orders)]
        known = {line: quantity for line, quantity in lines.items() if line < len(self.model.orders[number].cases)}
        # A name that comes again brings the same again, as a repeated report does.
        progress_id = f"{step}-{sorted(known.items())}-{name % 3}"
        told = [(line + 1, quantity) for line, quantity in sorted(known.items())]
        return (
            lambda model: model.report(number, progress_id, step, known),
            report(number, step, *told, progress_id=progress_id, at=self.now),
        )

    @rule(which=st.integers(0, 9))
    def cancelled(self, which: int) -> None:
        doing = self._wish(which, "cancelled")
        if doing is not None:
            self._alone(doing)

    @rule(which=st.integers(0, 9))
    def received(self, which: int) -> None:
        doing = self._wish(which, "received")
        if doing is not None:
            self._alone(doing)

    def _wish(self, which: int, wish: str) -> Doing | None:
        if not self.model.orders:
            return None
        number = list(self.model.orders)[which % len(self.model.orders)]
        self.made += 1
        verb = {"cancelled": "cancel", "received": "receive"}[wish]
        return (
            lambda model: getattr(model, verb)(number),
            _or_refused(wished(self.member, number, wish, self.now, key=f"wish-{self.made}")),
        )

    @rule(which=st.integers(0, 9), line=st.integers(0, 2), choice=st.sampled_from(("wait", "cancel")))
    def decided(self, which: int, line: int, choice: Any) -> None:
        if not self.model.orders:
            return
        number = list(self.model.orders)[which % len(self.model.orders)]
        self.made += 1
        decision = Decision(self.member, f"decide-{self.made}", b"x", number, line + 1, choice, None, self.now)
        short = self.model.decide(number, line)
        answer = self.wait(_or_refused(shortages.decide(Shelves(), decision)))
        if short is None:
            assert isinstance(answer, ShortageUnknown)
        elif choice == "wait":
            day = (answer.deliver_on - self.now.date()).days + self.model.day
            self.model.orders[answer.follow_number] = ModelOrder([short], day)
        self._compare()

    @rule(days=st.integers(1, 4))
    def days_pass(self, days: int) -> None:
        if self.model.day < 24:
            self.model.day += days
        self.model.complete()
        self.wait(completions.complete(self.now))
        self.model.release()
        self.wait(completions.release(self.now))
        self._compare()

    @rule(which=WHICH, step=st.sampled_from(REPORTS), lines=LINES, wish=st.sampled_from(WISHES), name=NAME)
    def both_at_once(self, which: int, step: str, lines: dict[int, int], wish: str, name: int) -> None:
        one, other = self._report(which, step, lines, name), self._wish(which, wish)
        if one is None or other is None:
            return
        self.wait(_together(one[1], other[1]))
        after = self.wait(self._picture())
        explained = []
        for doings in ((one, other), (other, one)):
            model = copy.deepcopy(self.model)
            for apply, _ in doings:
                apply(model)
            explained.append((model.picture() == after, model))
        assert any(fits for fits, _ in explained), (after, [model.picture() for _, model in explained])
        self.model = next(model for fits, model in explained if fits)
        self._compare()

    def _alone(self, doing: Doing) -> None:
        apply, work = doing
        wanted, answer = apply(self.model), self.wait(work)
        if isinstance(wanted, bool):
            assert wanted is not isinstance(answer, Refusal), (wanted, answer)
        self._compare()

    def _compare(self) -> None:
        OrderMachine.steps += 1
        found, wanted = self.wait(self._picture()), self.model.picture()
        OrderMachine.confirmed += any(one.confirmed for one in self.model.orders.values())
        assert found == wanted, f"{found}\n{wanted}"

    async def _picture(self) -> dict[str, Any]:
        orders = {}
        async with transactions.reader() as connection:
            found = await connection.fetch(PICTURE, self.member.id)
            account = (await statements.accounts([self.outlet_id]))[self.outlet_id]
        for number, status, due_fen, cases, coupon, short in found:
            asked = {int(line): cases_short for line, cases_short in msgspec.json.decode(short or "{}").items()}
            orders[number] = (status, due_fen, [(due, back) for due, back in cases], coupon, asked)
        return {"points": (account.balance, account.pending), "orders": orders}


async def _or_refused(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    except Refusal as refused:
        return refused


async def _together(*work: Coroutine[Any, Any, Any]) -> None:
    await asyncio.gather(*work)


async def test_orders_do_what_plain_integers_say(db: str, data_keys: DataKeys) -> None:
    await stocked("A", "B", "C")
    OrderMachine.loop, OrderMachine.db, OrderMachine.data_keys = asyncio.get_running_loop(), db, data_keys
    OrderMachine.products = sorted((await ids(db)).values())
    OrderMachine.steps = 0
    for number in range(ROUNDS_MAX):
        plan = settings(
            max_examples=STEPS // RUN_STEPS // 4 + 1,
            stateful_step_count=RUN_STEPS,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        )
        await asyncio.to_thread(run_state_machine_as_test, seed(SEED + number)(OrderMachine), settings=plan)
        if OrderMachine.steps >= STEPS:
            break
    assert OrderMachine.steps >= STEPS
    assert OrderMachine.confirmed >= STEPS // 100
    assert await prove() == []
