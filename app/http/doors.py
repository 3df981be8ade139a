"""The doors: how each audience proves who it is."""

from datetime import datetime

from sanic import Request

from app.http.endpoints import Context, Endpoint, caller_address
from app.http.errors import HttpRefusal, KeyInvalid, ScopeMissing, TokenExpired, TokenInvalid, TokenMissing
from app.http.limits import Limit
from app.http.principals import Guest, Principal
from loyalty.customers.errors import SessionEnded
from loyalty.customers.standings import MemberRef
from loyalty.errors import DatabaseUnavailable, Refusal
from loyalty.organisation import system_keys
from loyalty.organisation.system_keys import System

BEARER = "bearer "
GUESSES = Limit("wrong-keys", 30, 60)
"""By address: plenty for a mistaken configuration, useless for guessing 256 bits."""


def bearer(request: Request) -> str | None:
    """Give the bearer token of a request; None when it carries none."""
    header = request.headers.get("authorization", "")
    return header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else None


class PublicDoor:
    """Lets everybody in."""

    scheme: str | None = None
    refusals: tuple[type[Refusal] | type[HttpRefusal], ...] = ()

    async def __call__(self, _request: Request, _context: Context, _endpoint: Endpoint, _at: datetime) -> Principal:
        """Everybody is a guest."""
        return Guest()


class MemberDoor:
    """Asks for a member's token. Whether the session still lives, the verb asks in its own statement."""

    scheme: str | None = "memberToken"
    refusals: tuple[type[Refusal] | type[HttpRefusal], ...] = (TokenMissing, TokenInvalid, TokenExpired, SessionEnded)

    async def __call__(self, request: Request, context: Context, _endpoint: Endpoint, at: datetime) -> MemberRef:
        """Read the token."""
        token = bearer(request)
        if token is None:
            raise TokenMissing
        return context.tokens.read(token, at)


class OptionalMemberDoor:
    """Reads a member's token where there is one; without one the request is a guest's."""

    scheme: str | None = "memberToken"
    refusals: tuple[type[Refusal] | type[HttpRefusal], ...] = (TokenInvalid, TokenExpired, SessionEnded)

    async def __call__(self, request: Request, context: Context, _endpoint: Endpoint, at: datetime) -> Principal:
        """Read the token, if any."""
        token = bearer(request)
        return Guest() if token is None else context.tokens.read(token, at)


class SystemDoor:
    """Asks for a system key with the endpoint's scope."""

    scheme: str | None = "systemKey"
    refusals: tuple[type[Refusal] | type[HttpRefusal], ...] = (
        TokenMissing,
        KeyInvalid,
        ScopeMissing,
        DatabaseUnavailable,
    )

    async def __call__(self, request: Request, context: Context, endpoint: Endpoint, at: datetime) -> System:
        """Find the system by its key and check its scope."""
        key = bearer(request)
        if key is None:
            raise TokenMissing
        # Headers may bring any byte; a key of ours is plain text.
        system = await system_keys.recognise(key, at) if key.isascii() else None
        if system is None:
            # Each guess costs a look-up, and comes before any limit of the call itself.
            context.limits.take(GUESSES, caller_address(request, context))
            raise KeyInvalid
        if endpoint.scope not in system.scopes:
            raise ScopeMissing(scope=endpoint.scope)
        return system
