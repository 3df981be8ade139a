"""The `leketong` command. Its subcommands find a running house's servers by LEKETONG_HOME."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from app import backups, database, dependencies, house, logs, proofs, rebuilding, stamper, supervisor
from app.archives import Archive
from app.backups import BackupFault
from app.dependencies import DependencyFault
from app.settings import SettingsError
from loyalty import clock, transactions
from loyalty.errors import Refusal
from loyalty.organisation import places, rules, system_keys, tree
from loyalty.organisation.audit import Actor
from loyalty.organisation.errors import NodeUnknown
from loyalty.staff import grants, logins, people
from loyalty.staff import rules as staff_rules
from loyalty.staff.errors import StaffUnknown

EXIT_BEHIND = 3
COMMAND = Actor("command", "leketong", "命令行")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (SettingsError, DependencyFault, BackupFault) as fault:
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
    prove.add_argument("--explain", metavar="OUTLET", help="tell one outlet's account entry by entry, by its code")
    prove.set_defaults(run=_prove)
    rebuild = commands.add_parser("rebuild", help="set what is derived to what the entries say")
    rebuilt = rebuild.add_subparsers(required=True).add_parser("points", help="accounts, lots, budgets and units")
    rebuilt.add_argument("--outlet", metavar="CODE", help="the account and lots of one outlet alone")
    rebuilt.set_defaults(run=_rebuild_points)
    backup = commands.add_parser("backup", help="write all facts to one file")
    backup.add_argument("file", type=Path)
    backup.set_defaults(run=_backup)
    restore = commands.add_parser("restore", help="put a backup into an empty or a new database, and prove it")
    restore.add_argument("file", type=Path)
    restore.add_argument("--database", metavar="NAME", help="a new database on the same server")
    restore.set_defaults(run=_restore)
    keys = commands.add_parser("system-key", help="keys of other programs").add_subparsers(required=True)
    add = keys.add_parser("add", help="make a key; the key alone is the last line")
    add.add_argument("name")
    add.add_argument("--scopes", required=True, help="separated by commas: " + ",".join(rules.SCOPES))
    add.set_defaults(run=_add_system_key)
    _add_staff_commands(
        commands.add_parser("staff", help="people who log in to the pages").add_subparsers(required=True)
    )
    return parser


def _add_staff_commands(staff: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the way in, and the way back, when no administrator can log in."""
    add = staff.add_parser("add", help="take somebody in; their temporary password alone is the last line")
    add.add_argument("code", help="what they log in with")
    add.add_argument("--name", required=True)
    add.add_argument("--role", required=True, choices=staff_rules.ROLES)
    add.add_argument("--node", metavar="CODE", help="a plant or a group; everything when not given")
    add.set_defaults(run=_add_staff)
    reset = staff.add_parser("reset-password", help="make a temporary password, alone in the last line; also unlocks")
    reset.add_argument("code")
    reset.set_defaults(run=_reset_password)


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


def _prove(options: argparse.Namespace) -> int:
    url = _reachable_url()
    if options.explain is not None:
        return _explain(url, options.explain)

    async def prove() -> list[str]:
        async with database.opened(url, pool_max=1, statement_seconds_max=None):
            return [f"{one.proof}: {one.what}" for one in await proofs.prove()]

    differences = asyncio.run(prove())
    for line in differences:
        print(line)
    print(f"发现 {len(differences)} 处差异" if differences else "账目全部一致")
    return 1 if differences else 0


def _explain(url: str, outlet_code: str) -> int:
    async def explain() -> proofs.Explanation | None:
        async with database.opened(url, pool_max=1):
            return await proofs.explain(outlet_code)

    explanation = asyncio.run(explain())
    if explanation is None:
        print(f"leketong: 没有编码是 {outlet_code} 的门店，请核对编码", file=sys.stderr)
        return 1
    for line in proofs.lines_of(outlet_code, explanation):
        print(line)
    return 1 if explanation.differences else 0


def _rebuild_points(options: argparse.Namespace) -> int:
    url = _reachable_url()

    async def mend() -> list[str]:
        async with database.opened(url, pool_max=1, statement_seconds_max=None):
            return await rebuilding.rebuild_points(options.outlet)

    for line in asyncio.run(mend()):
        print(line)
    return 0


def _backup(options: argparse.Namespace) -> int:
    written = backups.backup(_reachable_url(), options.file)
    print(f"已备份到 {options.file}，{written.size_bytes / 1e6:.1f} MB，{_contents(written.archive)}")
    print("请另存好 DATA_KEYS 和 SECRET_KEY：备份里没有它们，缺了 DATA_KEYS 就读不出手机号")
    kept = house.home_of(os.environ) / "secrets.json"
    if not os.environ.get("DATABASE_URL") and kept.exists():
        print(f"它们在 {kept}，请不要和备份放在一起")
    return 0


def _contents(archive: Archive) -> str:
    return f"{archive.tables} 张表，迁移到 {archive.migrations[-1]}，来自 PostgreSQL {archive.server_major}"


def _restore(options: argparse.Namespace) -> int:
    restored = backups.restore(_reachable_url(), options.file, options.database)
    print(f"已恢复 {_contents(restored.archive)}")
    if options.database is not None:
        print(f"要用这个库，请把 DATABASE_URL 里的库名换成 {options.database}")
        if not os.environ.get("DATABASE_URL") and database.credentials(restored.url)["password"] is None:
            print(f"make run 自带的数据库：让这个家运行着，另起一个家，它的 DATABASE_URL={restored.url}")
    if restored.behind:
        print(f"还差 {len(restored.behind)} 步升级，请先运行 leketong migrate，再运行 leketong prove")
        return EXIT_BEHIND
    heads = "，".join(f"{feed} {position}" for feed, position in restored.heads.items())
    print(f"数据流停在：{heads}。读得更远的系统，请从这里接着读")
    for one in restored.differences:
        print(f"{one.proof}: {one.what}")
    print(f"发现 {len(restored.differences)} 处差异" if restored.differences else "账目全部一致")
    return 1 if restored.differences else 0


def _add_system_key(options: argparse.Namespace) -> int:
    scopes = [scope.strip() for scope in options.scopes.split(",") if scope.strip()]
    url = _reachable_url()

    async def add() -> str:
        async with database.opened(url, pool_max=1):
            return await system_keys.add(options.name, scopes, clock.now(), COMMAND)

    key = asyncio.run(add())
    print(f"已为 {options.name} 生成系统密钥，权限：{'、'.join(sorted(set(scopes)))}。请马上保存，它只显示这一次：")
    print(key)
    return 0


def _add_staff(options: argparse.Namespace) -> int:
    url = _reachable_url()
    password = staff_rules.new_temporary_password()

    async def add() -> str:
        at = clock.now()
        async with database.opened(url, pool_max=1):
            async with transactions.begin():
                node = await _node(options.node)
                staff_id = await people.enter(options.code, options.name, COMMAND, at)
                await grants.give(staff_id, options.role, node.id, at, None, COMMAND, at)
            await logins.set_password(staff_id, password, COMMAND, at, temporary=True)
        return node.name

    place = asyncio.run(add())
    print(
        f"已添加 {options.name}（{options.code}），{place}的 {options.role}。临时密码只显示这一次，登录后请马上换掉："
    )
    print(password)
    return 0


async def _node(code: str | None) -> tree.Node:
    root = await places.ensure_root(clock.now())
    if code is None:
        return await tree.read(root, [root])
    for node in await tree.find([root], ("group", "plant"), code):
        if node.code == code:
            return node
    raise NodeUnknown(field="node")


def _reset_password(options: argparse.Namespace) -> int:
    url = _reachable_url()
    password = staff_rules.new_temporary_password()

    async def reset() -> str:
        at = clock.now()
        async with database.opened(url, pool_max=1):
            staff = await people.by_code(options.code, at)
            if staff is None:
                raise StaffUnknown(field="code")
            await logins.set_password(staff.id, password, COMMAND, at, temporary=True)
        return staff.name

    name = asyncio.run(reset())
    print(f"已为 {name}（{options.code}）重置密码，并结束 TA 的所有登录。临时密码只显示这一次，登录后请马上换掉：")
    print(password)
    return 0


if __name__ == "__main__":
    sys.exit(main())
