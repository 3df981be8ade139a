"""The schedule and the broker's address."""

from datetime import timedelta
from types import ModuleType

import pytest


def test_everything_on_the_schedule_exists_and_runs_out(tasks: ModuleType) -> None:
    for entry in tasks.SCHEDULE.values():
        assert entry["task"] in tasks.celery.tasks
        assert entry["options"]["expires"] > 0
        if isinstance(entry["schedule"], timedelta):
            assert entry["options"]["expires"] == max(60, entry["schedule"].total_seconds())
    scheduled = {entry["task"] for entry in tasks.SCHEDULE.values()}
    assert scheduled == {name for name in tasks.celery.tasks if not name.startswith("celery.")}
    assert tasks.celery.conf.beat_schedule == tasks.SCHEDULE


def test_a_task_that_is_lost_is_given_back_and_never_while_it_still_runs(tasks: ModuleType) -> None:
    conf = tasks.celery.conf
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (True, True, 1)
    assert conf.task_time_limit < conf.broker_transport_options["visibility_timeout"]
    assert conf.timezone == "Asia/Shanghai"


@pytest.mark.parametrize(
    ("redis_url", "broker"),
    [
        ("redis://10.0.0.1:6379/2", "redis://10.0.0.1:6379/2"),
        ("rediss://:word@redis.example:6380/0", "rediss://:word@redis.example:6380/0"),
        ("unix:///home/a/redis.sock", "redis+socket:///home/a/redis.sock?virtual_host=0"),
        ("unix:///home/a/redis.sock?db=7", "redis+socket:///home/a/redis.sock?virtual_host=7"),
    ],
)
def test_the_brokers_address_in_celerys_words(tasks: ModuleType, redis_url: str, broker: str) -> None:
    assert tasks.broker_url(redis_url) == broker
