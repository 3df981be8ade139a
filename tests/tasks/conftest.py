"""The tasks package reads its settings when it is imported, so the environment has to be there first."""

import importlib
import os
from collections.abc import Iterator
from types import ModuleType

import pytest
from redis import Redis

from app.embedded import EmbeddedServers
from tests.conftest import environment

REDIS_DATABASE = 7


@pytest.fixture
def redis_url(servers: EmbeddedServers) -> str:
    """Give a Redis database that only these tests use."""
    return servers.redis_url.replace("db=0", f"db={REDIS_DATABASE}")


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """Give that database, empty."""
    with Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def environ(servers: EmbeddedServers, db: str, redis_url: str) -> dict[str, str]:
    """Give the environment of a worker that serves the tests' database."""
    return environment(servers, db) | {"REDIS_URL": redis_url}


@pytest.fixture
def tasks(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give tasks.celery with everything that it runs."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = importlib.import_module("tasks.celery")
    for name in found.celery.conf.include:
        importlib.import_module(name)
    # Imported once in a run; the address may be that of an earlier test's.
    found.celery.conf.broker_url = found.broker_url(os.environ["REDIS_URL"])
    return found
