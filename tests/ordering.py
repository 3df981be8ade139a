"""Orders for tests, made through the real verbs."""

from datetime import datetime, timedelta
from typing import Any

from loyalty import transactions
from loyalty.catalogue.shelves import Shelves
from loyalty.customers.personal import DataKeys
from loyalty.customers.standings import MemberRef
from loyalty.errors import Refusal
from loyalty.ordering import orders, quotes
from loyalty.ordering.fulfilment import progress, wishes
from loyalty.ordering.fulfilment.progress import Progress, TakenIn
from loyalty.ordering.fulfilment.rules import Reported
from loyalty.ordering.fulfilment.wishes import Done, OrderWish
from loyalty.ordering.orders import Placed, Placing
from loyalty.ordering.quotes import Quoted
from loyalty.ordering.rules import Wish
from loyalty.ordering.working_out import QuoteRequest
from loyalty.points.statements import statements
from tests import factories, rows
from tests.catalogue import AT


async def owner(data_keys: DataKeys, **fields: Any) -> MemberRef:
    """Make an outlet of plant P1 and its owner."""
    return await factories.bound(await factories.outlet(AT, data_keys, **fields), AT, data_keys)


async def ids(db: str) -> dict[str, int]:
    """Give the products' ids by code."""
    return {str(code): int(str(found)) for code, found in await rows.fetch(db, "SELECT code, id FROM products")}


def request(member: MemberRef, *lines: Wish, **changes: Any) -> QuoteRequest:
    """Ask for the price of lines."""
    values: dict[str, Any] = {
        "member": member, "key": "quote-key", "input_hash": b"input", "lines": lines, "entitlement_ids": (),
        "payment": "cash", "deliver_on": None, "at": AT,
    }  # fmt: skip
    return QuoteRequest(**values | changes)


async def entitled(db: str, member: MemberRef, kind: str, terms: str, **changes: Any) -> int:
    """Let a member's outlet hold an entitlement."""
    values = {
        "outlet_id": None, "member_id": member.id, "type": kind, "name": "权益", "terms": terms, "source_kind": "tests",
        "source_id": f"{kind}-{terms}-{changes}", "state": "free", "granted_at": AT - timedelta(days=1),
        "expires_at": AT + timedelta(days=7),
    } | changes  # fmt: skip
    ((outlet_id,),) = await rows.fetch(db, "SELECT current_outlet_id FROM members WHERE id = $1", member.id)
    values["outlet_id"] = outlet_id
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    ((made,),) = await rows.fetch(
        db, f"INSERT INTO entitlements ({', '.join(values)}) VALUES ({places}) RETURNING id", *values.values()
    )
    assert isinstance(made, int)
    return made


def placing(member: MemberRef, quote_id: int, **changes: Any) -> Placing:
    """Ask for an order of a quote."""
    values: dict[str, Any] = {
        "member": member, "key": "order-key", "input_hash": b"input", "quote_id": quote_id, "invoice": None, "note": "",
        "at": AT,
    }  # fmt: skip
    return Placing(**values | changes)


async def quoted_for(member: MemberRef, *lines: Wish, **changes: Any) -> Quoted:
    """Quote lines; give the quote."""
    (answer,) = await quotes.quote(Shelves(), [request(member, *lines, **changes)])
    assert isinstance(answer, Quoted), answer
    return answer


async def try_to_place(*many: Placing) -> list[Placed | Refusal]:
    """Place orders in one batch."""
    return await orders.place(Shelves(), many)


async def placed(member: MemberRef, *lines: Wish, key: str = "order-key", at: datetime = AT, **changes: Any) -> Placed:
    """Quote lines and place the order."""
    quote = await quoted_for(member, *lines, key=f"quote-{key}", at=at, **changes)
    (answer,) = await try_to_place(placing(member, quote.quote_id, key=key, at=at))
    assert isinstance(answer, Placed), answer
    return answer


async def report(number: str, status: str, *lines: tuple[int, int], **changes: Any) -> TakenIn:
    """Report progress as the hub: lines are (line_number, quantity)."""
    given: dict[str, Any] = {
        "number": number, "progress_id": f"{status}-{lines}", "status": status, "at": AT,
        "lines": tuple(Reported(*line) for line in lines), "eta_on": None, "reason": "",
        "input_hash": repr((status, lines)).encode(),
    }  # fmt: skip
    now = changes.pop("now", None)
    given |= changes
    return await progress.report(Progress(**given), now or given["at"])


async def wished(member: MemberRef, number: str, wish: Any, at: datetime = AT, key: str = "wish-key") -> Done:
    """Take an order back, or receive it."""
    return await wishes.wish(OrderWish(member, key, wish.encode(), number, wish, "", at))


async def balance(db: str, member: MemberRef) -> tuple[int, int]:
    """Give what the member's outlet can spend, and what is promised."""
    ((outlet_id,),) = await rows.fetch(db, "SELECT current_outlet_id FROM members WHERE id = $1", member.id)
    async with transactions.reader():
        account = (await statements.accounts([int(str(outlet_id))]))[int(str(outlet_id))]
    return account.balance, account.pending


async def standing_of(db: str, number: str) -> tuple[Any, ...]:
    """Give an order's status, what is due, and its lines as (due, returned)."""
    ((status, due),) = await rows.fetch(db, "SELECT status, due_fen FROM orders WHERE number = $1", number)
    lines = await rows.fetch(
        db,
        "SELECT cases_due, cases_returned FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.number = $1"
        " ORDER BY line_number",
        number,
    )
    return status, due, lines


def later(**span: int) -> datetime:
    """Give an instant after AT."""
    return AT + timedelta(**span)
