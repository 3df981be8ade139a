"""Progress of orders: what the order hub has done about them."""

from datetime import date, datetime
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from app.http import payloads
from app.http.endpoints import Call
from loyalty.ordering.fulfilment import progress
from loyalty.ordering.fulfilment.progress import Progress
from loyalty.ordering.fulfilment.rules import Reported
from loyalty.ordering.rules import CASES_MAX, LINES_MAX

REASON_LENGTH_MAX = 100


class ProgressLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cases of a line as they stand now; for ``returned``, those returned so far."""

    line_number: Annotated[int, Meta(ge=1, le=LINES_MAX)]
    quantity: Annotated[int, Meta(ge=0, le=CASES_MAX)]
    reason: Annotated[str, Meta(max_length=REASON_LENGTH_MAX)] = ""


class NewProgress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report, sent again with the same ``progress_id`` until it is answered. Lines not named are unchanged."""

    progress_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
    status: Literal["confirmed", "shorted", "shipped", "delivered", "returned", "cancelled", "rejected"]
    at: Annotated[datetime, Meta(tz=True)]
    lines: Annotated[list[ProgressLine], Meta(max_length=LINES_MAX)] = []
    eta_on: date | None = None
    reason: Annotated[str, Meta(max_length=REASON_LENGTH_MAX)] = ""


class ProgressView(msgspec.Struct, frozen=True):
    """Where the order stands now; ``applied`` is false for what came too late or does not fit, which is kept too."""

    number: str
    status: str
    applied: bool
    repeated: bool


async def report_progress(call: Call) -> ProgressView:
    """Take a report in."""
    body, number = cast(NewProgress, call.body), call.params["number"]
    done = await progress.report(
        Progress(
            number,
            body.progress_id,
            body.status,
            body.at,
            tuple(Reported(line.line_number, line.quantity, line.reason) for line in body.lines),
            body.eta_on,
            body.reason,
            payloads.input_hash("progress", (number, body)),
        ),
        call.at,
    )
    return ProgressView(done.number, done.status, done.applied, done.repeated)
