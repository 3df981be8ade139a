"""The console's cookies, and the token that ties a form to the browser it was sent to."""

import hashlib
import hmac
import secrets

from sanic import HTTPResponse, Request

from loyalty.staff.rules import SESSION_LIFE

SESSION = "leketong_staff"
GUEST = "leketong_guest"
"""Before the log-in there is no session to tie the form to; this takes its place for the one form."""
GUEST_SECONDS = 3600
TOKEN_LENGTH_MAX = 128


def session_token(request: Request) -> str | None:
    """Give the session's cookie as it was sent; None without one."""
    return _sent(request, SESSION)


def guest_token(request: Request) -> str | None:
    """Give the guest's cookie as it was sent; None without one."""
    return _sent(request, GUEST)


def _sent(request: Request, name: str) -> str | None:
    value = request.cookies.get(name)
    return value if value and len(value) <= TOKEN_LENGTH_MAX and value.isascii() else None


def new_guest_token() -> str:
    """Make a guest's cookie."""
    return secrets.token_urlsafe(32)


def put_session(answer: HTTPResponse, token: str, *, secure: bool) -> None:
    """Give the browser its session, which no script reads and no other site sends along with a form."""
    _put(answer, SESSION, token, int(SESSION_LIFE.total_seconds()), secure=secure)


def put_guest(answer: HTTPResponse, token: str, *, secure: bool) -> None:
    """Give the browser of somebody who is not logged in something to tie the form to."""
    _put(answer, GUEST, token, GUEST_SECONDS, secure=secure)


def drop_session(answer: HTTPResponse, *, secure: bool) -> None:
    """Take the session's cookie back."""
    _put(answer, SESSION, "", 0, secure=secure)


def _put(answer: HTTPResponse, name: str, value: str, seconds: int, *, secure: bool) -> None:
    answer.add_cookie(
        name, value, path="/", httponly=True, secure=secure, samesite="Lax", max_age=seconds, host_prefix=False
    )


def form_token(secret: str, cookie: str) -> str:
    """Give the token that a form of this browser has to bring back. It says nothing about the cookie."""
    return hmac.new(secret.encode(), b"leketong form " + hashlib.sha256(cookie.encode()).digest(), "sha256").hexdigest()


def is_form_token(secrets_: tuple[str, ...], cookie: str, token: str) -> bool:
    """Tell whether a form's token belongs to the browser, under any of the secret keys."""
    return (
        any(hmac.compare_digest(form_token(secret, cookie), token) for secret in secrets_) if token.isascii() else False
    )
