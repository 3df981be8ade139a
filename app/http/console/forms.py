"""Forms as browsers send them: read, held to the browser that they were sent to, refusals told at their fields."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from sanic import Request
from sanic.headers import parse_content_header
from sanic.request.form import parse_multipart_form

from app.http import errors
from app.http.console import cookies
from app.http.console.errors import FormInvalid
from app.http.endpoints import Context, caller_address, read_body
from app.http.limits import Limit
from app.http.traces import trace_id
from loyalty.errors import Refusal
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry

FORM = "application/x-www-form-urlencoded"
UPLOAD = "multipart/form-data"
FORM_BYTES_MAX = 64 * 1024
FIELDS_MAX = 500
REFUSALS_NOTED = Limit("refused-pages", 20, 600)
"""Refusals that the audit keeps, by person or address: enough to see a storm, too few to fill a disk."""


async def read_form(request: Request) -> dict[str, list[str]]:
    """Read a form's fields. Raises FormInvalid, BodyTooLarge."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise FormInvalid
    try:
        text = (await read_body(request, FORM_BYTES_MAX)).decode()
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise FormInvalid from None
    # PostgreSQL keeps no NUL in a text, and nobody types one.
    if any("\0" in value for values in fields.values() for value in values):
        raise FormInvalid
    return fields


def brings_files(request: Request) -> bool:
    """Tell whether a request's form is of the kind that can bring files."""
    return str(request.headers.get("content-type", "")).lower().startswith(UPLOAD)


async def read_upload(request: Request, bytes_max: int) -> tuple[dict[str, list[str]], dict[str, bytes]]:
    """Read a form with files: fields and, by field, what was uploaded. Raises FormInvalid, BodyTooLarge.

    ``bytes_max`` is for the whole body. A field may bring one file.
    """
    media_type, options = parse_content_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary")
    if media_type.lower() != UPLOAD or not isinstance(boundary, str) or not boundary:
        raise FormInvalid
    body = await read_body(request, bytes_max)
    try:
        fields, files = parse_multipart_form(body, boundary.encode())  # type: ignore[no-untyped-call]
    except (ValueError, IndexError, KeyError, AttributeError, LookupError):
        raise FormInvalid from None
    if len(fields) + len(files) > FIELDS_MAX:
        raise FormInvalid
    texts = {name: [str(one) for one in values] for name, values in dict(fields).items()}
    if any("\0" in value for values in texts.values() for value in values):
        raise FormInvalid
    return texts, {name: values[0].body for name, values in dict(files).items()}


def is_own_form(request: Request, context: Context, cookie: str, form: Mapping[str, list[str]]) -> bool:
    """Tell whether a form was sent by a page of ours in this very browser: its token, and where it says it is from."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    # A proxy may have put another name into Host; the public one is ours as well.
    ours = {request.headers.get("host", ""), urlsplit(context.resources.settings.public_url).netloc}
    if origin is not None and urlsplit(origin).netloc not in ours:
        return False
    token = request.headers.get("x-csrf-token") or form.get("csrf", [""])[0]
    return cookies.is_form_token(context.resources.settings.secret_keys, cookie, token)


async def note_refusal(request: Request, context: Context, actor: Actor, action: str, at: datetime) -> None:
    """Keep in the audit that somebody was turned away, a few times in ten minutes for each."""
    who = f"{actor.kind}:{actor.id}"
    try:
        context.limits.take(REFUSALS_NOTED, who)
    except errors.TooManyRequests:
        return
    await audit.note(
        AuditEntry(
            at=at,
            actor=actor,
            action=action,
            subject_kind="call" if "/v1/" in request.path else "page",
            subject_id=f"{request.method} {request.path}"[:200],
            after={"address": caller_address(request, context), "trace_id": trace_id(request)},
        )
    )


def fault_of(refusal: Refusal, **named: str) -> dict[str, str]:
    """Give a refusal as what is wrong at a field of a form, or with the form.

    ``named`` gives the form's own names for fields that the verb calls otherwise.
    """
    field = str(refusal.data.get("field", ""))
    return {named.get(field, field): f"{refusal.title}。{refusal.detail}"}
