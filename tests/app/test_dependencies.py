"""Given servers: new enough, within reach, and named without their passwords."""

import pytest

from app import dependencies
from app.database import credentials
from app.dependencies import DependencyFault
from app.embedded import EmbeddedServers


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        (180004, None),
        (160000, None),
        (150018, "DATABASE_URL 指定的 PostgreSQL 是 15，需要 16 或更新"),
        (90624, "DATABASE_URL 指定的 PostgreSQL 是 9，需要 16 或更新"),
    ],
)
def test_postgresql_has_to_be_new_enough(version: int, fault: str | None) -> None:
    assert dependencies.postgres_fault(version) == fault


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        ("6.2.14", None),
        ("7.4.0", None),
        ("8.0", None),
        ("10.1.0", None),
        ("6.0.16", "REDIS_URL 指定的 Redis 是 6.0.16，需要 6.2 或更新"),
        ("", "REDIS_URL 指定的 Redis 是 ，需要 6.2 或更新"),
    ],
)
def test_redis_has_to_be_new_enough(version: str, fault: str | None) -> None:
    assert dependencies.redis_fault(version) == fault


def test_a_postgresql_out_of_reach_is_named_without_its_password() -> None:
    with pytest.raises(DependencyFault, match="DATABASE_URL") as fault:
        dependencies.check_postgres("postgresql://somebody:very-secret@127.0.0.1:1/nothing")
    assert "very-secret" not in str(fault.value)


def test_a_redis_out_of_reach_is_named_without_its_password() -> None:
    with pytest.raises(DependencyFault, match="REDIS_URL") as fault:
        dependencies.check_redis("redis://:very-secret@127.0.0.1:1/0")
    assert "very-secret" not in str(fault.value)


def test_the_embedded_servers_pass(servers: EmbeddedServers) -> None:
    dependencies.check_postgres(servers.database_url("postgres"))
    dependencies.check_redis(servers.redis_url)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (
            "postgresql://leketong@/leketong?host=/run/sockets",
            {"host": "/run/sockets", "port": 5432, "user": "leketong", "password": None, "database": "leketong"},
        ),
        (
            "postgres://us%40er:p%2Fw@db.internal:6543/shop?sslmode=require",
            {
                "host": "db.internal",
                "port": 6543,
                "user": "us@er",
                "password": "p/w",
                "database": "shop",
                "ssl": "require",
            },
        ),
    ],
)
def test_database_urls(url: str, found: dict[str, object]) -> None:
    assert credentials(url) == found
