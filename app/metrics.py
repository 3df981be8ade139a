"""What the processes count. Kept in files under PROMETHEUS_MULTIPROC_DIR, which the supervisor adds up and serves."""

import os

from prometheus_client import Counter, Gauge, Histogram, values

_process = [os.getpid()]
os.register_at_fork(after_in_child=lambda: _process.__setitem__(0, os.getpid()))
if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    # The library asks the kernel for our process's number at every count, four times a request.
    values.ValueClass = values.MultiProcessValue(lambda: _process[0])  # type: ignore[no-untyped-call]

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

REQUESTS = Counter("leketong_requests_total", "Requests answered", ("method", "route", "status"))
REQUEST_SECONDS = Histogram(
    "leketong_request_seconds", "Time from request to answer", ("method", "route"), buckets=LATENCY_BUCKETS
)
STAMPED = Counter("leketong_stamped_events_total", "Events moved into the log")
STAMP_SECONDS = Histogram("leketong_stamp_seconds", "Time a round of the stamper took", buckets=LATENCY_BUCKETS)
DIFFERENCES = Gauge(
    "leketong_proof_differences", "Differences that the last proof found", ("proof",), multiprocess_mode="mostrecent"
)
PROVEN_AT = Gauge(
    "leketong_proof_finished_seconds", "When the last proof of everything finished", multiprocess_mode="mostrecent"
)
BUDGET_USED = Gauge(
    "leketong_campaign_budget_used_ratio",
    "Share of a running campaign's budget that is given",
    ("campaign",),
    multiprocess_mode="mostrecent",
)
WEBHOOK_WAITING = Gauge(
    "leketong_webhook_waiting_seconds",
    "Age of the oldest event that a webhook consumer has not taken",
    ("consumer",),
    multiprocess_mode="mostrecent",
)
WEBHOOKS = Counter("leketong_webhook_calls_total", "Calls to webhook consumers", ("consumer", "result"))
MESSAGES = Counter("leketong_messages_total", "Subscribe messages that were tried", ("template", "result"))
TASKS = Counter("leketong_tasks_total", "Task runs", ("task", "result"))
