"""The pure rules of webhooks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from loyalty.feeds.webhooks import rules
from loyalty.feeds.webhooks.rules import BACK_OFF, Outcome

AT = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


@given(st.binary(max_size=200), st.text(alphabet="abcdef0123456789-", min_size=1, max_size=36))
def test_the_standards_own_library_accepts_what_we_sign(body: bytes, event_id: str) -> None:
    secret, now = rules.new_secret(), int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(now),
        "webhook-signature": f"{rules.signature(rules.new_secret(), event_id, now, body)} "
        + rules.signature(secret, event_id, now, body),
    }
    payload = b'{"raw": "' + body.hex().encode() + b'"}'
    signed = headers | {"webhook-signature": rules.signature(secret, event_id, now, payload)}
    assert Webhook(secret).verify(payload, signed) == {"raw": body.hex()}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(payload + b" ", signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(payload, headers)


@pytest.mark.parametrize(
    ("status", "attempts", "circuit_open", "retry_after", "expected"),
    [
        (200, 0, False, None, ("taken", 0, 0)),
        (204, 3, True, None, ("taken", 3, 0)),
        (500, 0, False, None, ("due", 1, BACK_OFF[0])),
        (None, 4, False, None, ("due", 5, BACK_OFF[4])),
        (301, 0, False, None, ("due", 1, BACK_OFF[0])),
        (503, 0, False, 60, ("due", 1, 60)),
        (503, 0, False, 10**6, ("due", 1, rules.RETRY_AFTER_SECONDS_MAX)),
        (429, 3, False, 1, ("due", 4, BACK_OFF[3])),
        (500, len(BACK_OFF), False, None, ("dead", len(BACK_OFF) + 1, 0)),
        (500, len(BACK_OFF), True, None, ("due", len(BACK_OFF), BACK_OFF[-1])),
        (500, 0, True, None, ("due", 0, BACK_OFF[0])),
    ],
)
def test_what_becomes_of_a_delivery(
    status: int | None,
    attempts: int,
    circuit_open: bool,
    retry_after: int | None,
    expected: tuple[str, int, int],
) -> None:
    outcome = Outcome(1, status, "", 3, retry_after)
    found = rules.verdict_on(outcome, attempts, 0, AT, circuit_open=circuit_open)
    assert (found.state, found.attempts, (found.next_at - AT).total_seconds()) == expected


def test_jitter_only_lengthens() -> None:
    found = rules.verdict_on(Outcome(1, 500, "", 3), 1, rules.JITTER_BPS, AT, circuit_open=False)
    assert found.next_at - AT == timedelta(seconds=36)


@pytest.mark.parametrize(("failures", "seconds"), [(0, None), (4, None), (5, 30), (6, 60), (10, 900), (1_000, 900)])
def test_a_circuit_rests_longer_each_time(failures: int, seconds: int | None) -> None:
    expected = None if seconds is None else AT + timedelta(seconds=seconds)
    assert rules.closed_until(failures, AT) == expected


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False),  # noqa: S104
        ("224.0.0.1", False), ("255.255.255.255", False), ("::1", False), ("::", False), ("fe80::1", False),
        ("fe80::1%eth0", False), ("fc00::1", False), ("ff02::1", False), ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True), ("2002:7f00:1::", False), ("64:ff9b::7f00:1", False), ("64:ff9b::808:808", True),
    ],
)  # fmt: skip
def test_only_the_open_internet_is_called(address: str, public: bool) -> None:
    assert rules.is_public(address) is public


@pytest.mark.parametrize(
    ("url", "fault", "in_demo"),
    [
        ("https://hub.example.com/in", "", ""),
        ("https://hub.example.com:8443/in?x=1", "", ""),
        ("http://hub.example.com/in", "not_https", ""),
        ("https://127.0.0.1/in", "address_private", ""),
        ("https://[::1]/in", "address_private", ""),
        ("https://localhost/in", "address_private", ""),
        ("https://hub.internal/in", "address_private", ""),
        ("https://8.8.8.8/in", "", ""),
        ("https://user:pass@hub.example.com/", "url_invalid", "url_invalid"),
        ("https://hub.example.com/#x", "url_invalid", "url_invalid"),
        ("https://hub.example.com:0/", "url_invalid", "url_invalid"),
        ("https://hub.example.com:99999/", "url_invalid", "url_invalid"),
        ("https://hub.example .com/", "url_invalid", "url_invalid"),
        ("https://订单.example/", "url_invalid", "url_invalid"),
        ("ftp://hub.example.com/", "url_invalid", "url_invalid"),
        ("file:///etc/passwd", "url_invalid", "url_invalid"),
        ("https:///in", "url_invalid", "url_invalid"),
        ("", "url_invalid", "url_invalid"),
        ("https://[::1", "url_invalid", "url_invalid"),
        ("https://hub.example.com/" + "x" * 500, "url_invalid", "url_invalid"),
    ],
)
def test_addresses_that_we_do_not_call_are_told(url: str, fault: str, in_demo: str) -> None:
    assert (rules.fault_of_url(url, demo=False), rules.fault_of_url(url, demo=True)) == (fault, in_demo)
