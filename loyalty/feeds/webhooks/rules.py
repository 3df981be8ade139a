"""The pure rules of webhooks: signing, when to try again, when to stop trying, and whom we may call."""

import base64
import hmac
import ipaddress
import secrets
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import msgspec

SECRET_BYTES = 24
SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks marks one
BACK_OFF = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200)
"""Seconds until the next try after the first, second, … failure; after the last one the delivery is dead: a day and
a quarter later, in which others were taken."""
JITTER_BPS = 2_000
RETRY_AFTER_SECONDS_MAX = 3_600
FAILURES_BEFORE_OPEN = 5
PAUSES = (30, 60, 120, 300, 600, 900)
"""Seconds for which an open circuit rests before the next single try."""
GONE = 410
OK_FROM, OK_UNTIL = 200, 300
URL_LENGTH_MAX = 500
ERROR_LENGTH_MAX = 200

Fault = Literal["", "url_invalid", "address_private", "not_https"]


class Outcome(msgspec.Struct, frozen=True):
    """How one call ended: a status, or an error without one."""

    delivery_id: int
    status: int | None
    error: str
    milliseconds: int
    retry_after_seconds: int | None = None

    @property
    def is_taken(self) -> bool:
        """Tell whether the consumer has taken the event."""
        return self.status is not None and OK_FROM <= self.status < OK_UNTIL


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of a delivery after a call."""

    state: Literal["due", "taken", "dead"]
    attempts: int
    next_at: datetime


def new_secret() -> str:
    """Make a secret, as Standard Webhooks writes it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Sign a call as Standard Webhooks 1.0 does: v1, HMAC-SHA256 over id, timestamp and body with dots between."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.digest(key, f"{event_id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def verdict_on(outcome: Outcome, attempts: int, jitter_bps: int, at: datetime, *, circuit_open: bool) -> Verdict:
    """Tell what becomes of a delivery that had failed ``attempts`` times before.

    A failure while nobody gets through is the consumer's, not this event's, and uses up no attempt. ``jitter_bps`` is
    drawn from 0 to JITTER_BPS and lengthens the wait, so that what failed together does not come back together.
    """
    if outcome.is_taken:
        return Verdict("taken", attempts, at)
    if not circuit_open:
        attempts += 1
    if attempts > len(BACK_OFF):
        return Verdict("dead", attempts, at)
    seconds = BACK_OFF[max(attempts, 1) - 1]
    if outcome.retry_after_seconds is not None:
        seconds = max(seconds, min(outcome.retry_after_seconds, RETRY_AFTER_SECONDS_MAX))
    return Verdict("due", attempts, at + timedelta(seconds=seconds * (10_000 + jitter_bps) / 10_000))


def closed_until(failures: int, at: datetime) -> datetime | None:
    """Tell until when a circuit rests after so many failures in a row; None while it lets calls through."""
    if failures < FAILURES_BEFORE_OPEN:
        return None
    return at + timedelta(seconds=PAUSES[min(failures - FAILURES_BEFORE_OPEN, len(PAUSES) - 1)])


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the open internet, also when it hides in an IPv6 form of an IPv4 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def fault_of_url(url: str, *, demo: bool) -> Fault:
    """Tell what is wrong with a consumer's address; empty for nothing. In the demo it may be this very machine.

    A name may still lead to a private address: that is looked at when it is called.
    """
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port != 0
    except ValueError:
        return "url_invalid"
    if (
        parts.scheme not in {"https", "http"}
        or not parts.hostname
        or not port_is_sound
        or parts.username is not None
        or parts.fragment
        or len(url) > URL_LENGTH_MAX
        or not url.isascii()
        or len(url.split()) != 1
    ):
        return "url_invalid"
    if demo:
        return ""
    if parts.scheme != "https":
        return "not_https"
    try:
        is_private = not is_public(parts.hostname)
    except ValueError:
        is_private = parts.hostname == "localhost" or parts.hostname.endswith((".localhost", ".local", ".internal"))
    return "address_private" if is_private else ""
