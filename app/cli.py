"""The `leketong` command. Its subcommands find a running house's servers by LEKETONG_HOME."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from app import database, dependencies, house, logs, proofs, stamper, supervisor
from app.dependencies import DependencyFault
from app.settings import SettingsError
from loyalty import clock
from loyalty.errors import Refusal
from loyalty.organisation import rules, system_keys

EXIT_BEHIND = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (SettingsError, DependencyFault) as fault:
        print(f"leketong: {fault}", file=sys.stderr)
    except Refusal as refusal:
        print(f"leketong: {refusal.title}。{refusal.detail}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="leketong", description="乐客通：门店小程序的后台")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="everything on this machine, with embedded servers where none are given")
    run.set_defaults(run=lambda _options: supervisor.run(os.environ))
    web = commands.add_parser("web", help="only the web workers and their metrics, for production")
    web.set_defaults(run=lambda _options: supervisor.serve_web(os.environ))
    migrate = commands.add_parser("migrate", help="bring the database to the newest migration")
    migrate.add_argument("--check", action="store_true", help=f"change nothing; exit {EXIT_BEHIND} when behind")
    migrate.set_defaults(run=_migrate)
    make = commands.add_parser("make-migration", help="write the models' changes as a migration")
    make.add_argument("name")
    make.set_defaults(run=_make_migration)
    stamp = commands.add_parser("stamper", help="give committed events their positions")
    stamp.set_defaults(run=_stamper)
    prove = commands.add_parser("prove", help="recompute every balance and name each difference")
    prove.set_defaults(run=_prove)
    keys = commands.add_parser("system-key", help="keys of other programs").add_subparsers(required=True)
    add = keys.add_parser("add", help="make a key; the key alone is the last line")
    add.add_argument("name")
    add.add_argument("--scopes", required=True, help="separated by commas: " + ",".join(rules.SCOPES))
    add.set_defaults(run=_add_system_key)
    return parser


def _database_url() -> str:
    found = house.environment(os.environ).get("DATABASE_URL")
    if not found:
        raise SettingsError("DATABASE_URL is not set and no house runs at LEKETONG_HOME; start one with `make run`")
    return found


def _reachable_url() -> str:
    """Give the database's address once it has answered: migrations take silence for an empty database."""
    url = _database_url()
    dependencies.check_postgres(url)
    return url


def _migrate(options: argparse.Namespace) -> int:
    url = _reachable_url()
    if not options.check:
        asyncio.run(database.migrate(url, lambda name: print(f"已应用 {name}", flush=True)))
        return 0

    async def check() -> list[str]:
        async with database.opened(url, pool_max=1):
            return await database.behind()

    behind = asyncio.run(check())
    for name in behind:
        print(f"还没应用 {name}")
    return EXIT_BEHIND if behind else 0


def _make_migration(options: argparse.Namespace) -> int:
    files = asyncio.run(database.make_migration(options.name))
    for file in files:
        print(file)
    if not files:
        print("模型没有变化")
    return 0


def _stamper(_options: argparse.Namespace) -> int:
    logs.configure()
    asyncio.run(stamper.run(_database_url()))
    return 0


def _prove(_options: argparse.Namespace) -> int:
    url = _reachable_url()

    async def prove() -> list[str]:
        async with database.opened(url, pool_max=1, statement_seconds_max=None):
            return [f"{one.proof}: {one.what}" for one in await proofs.prove()]

    differences = asyncio.run(prove())
    for line in differences:
        print(line)
    print(f"发现 {len(differences)} 处差异" if differences else "账目全部一致")
    return 1 if differences else 0


def _add_system_key(options: argparse.Namespace) -> int:
    scopes = [scope.strip() for scope in options.scopes.split(",") if scope.strip()]
    url = _reachable_url()

    async def add() -> str:
        async with database.opened(url, pool_max=1):
            return await system_keys.add(options.name, scopes, clock.now())

    key = asyncio.run(add())
    print(f"已为 {options.name} 生成系统密钥，权限：{'、'.join(sorted(set(scopes)))}。请马上保存，它只显示这一次：")
    print(key)
    return 0


if __name__ == "__main__":
    sys.exit(main())
