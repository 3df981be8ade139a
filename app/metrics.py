"""What the processes count. Kept in files under PROMETHEUS_MULTIPROC_DIR, which the supervisor adds up and serves."""

from prometheus_client import Counter, Histogram
from prometheus_client import Gauge as _Gauge

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

REQUESTS = Counter("leketong_requests_total", "Requests answered", ("method", "route", "status"))
REQUEST_SECONDS = Histogram(
    "leketong_request_seconds", "Time from request to answer", ("method", "route"), buckets=LATENCY_BUCKETS
)
STAMPED = Counter("leketong_stamped_events_total", "Events moved into the log")
STAMP_SECONDS = Histogram("leketong_stamp_seconds", "Time a round of the stamper took", buckets=LATENCY_BUCKETS)
DIFFERENCES = _Gauge(
    "leketong_proof_differences", "Differences that the last proof found", ("proof",), multiprocess_mode="mostrecent"
)
TASKS = Counter("leketong_tasks_total", "Task runs", ("task", "result"))
