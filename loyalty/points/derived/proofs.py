"""What must always be true of points."""

import asyncpg

from loyalty.points.derived import queries
from loyalty.proofs import DIFFERENCES_MAX, Difference, Proof


async def accounts(outlet_id: int | None = None) -> list[Difference]:
    """Every account is the sum of its outlet's entries, and its balance the sum of its lots."""
    return [
        Difference("points.accounts", f"outlet {row['outlet_id']}: {_account(row)}")
        for row in await queries.wrong_accounts(DIFFERENCES_MAX, outlet_id)
    ]


def _account(row: asyncpg.Record) -> str:
    parts = [
        f"{name} {_told(row[name])}, entries say {_told(row['said_' + name])}"
        for name in ("balance", "pending", "owed")
        if (row[name] or 0) != (row["said_" + name] or 0)
    ]
    if (row["balance"] or 0) != (row["lots"] or 0):
        parts.append(f"balance {_told(row['balance'])}, lots hold {_told(row['lots'])}")
    return "; ".join(parts)


async def lots(outlet_id: int | None = None) -> list[Difference]:
    """Every lot holds what the entries that touched it come to."""
    return [
        Difference(
            "points.lots",
            f"outlet {row['outlet_id']}, lot of {row['expires_on']}: holds {_told(row['points_left'])},"
            f" entries say {_told(row['points'])}",
        )
        for row in await queries.wrong_lots(DIFFERENCES_MAX, outlet_id)
    ]


async def entries(outlet_id: int | None = None) -> list[Difference]:
    """Every entry moves lots by what it moves the balance, and settles an entry of its own outlet."""
    return [
        Difference("points.entries", f"outlet {row['outlet_id']}, entry {row['id']}: {row['what']} do not fit")
        for row in await queries.wrong_entries(DIFFERENCES_MAX, outlet_id)
    ]


async def settlements(outlet_id: int | None = None) -> list[Difference]:
    """Of no entry more is released, taken back or given back than it had."""
    return [
        Difference(
            "points.settlements",
            f"outlet {row['outlet_id']}, entry {row['id']}: points {row['points']}, pending {row['pending_change']},"
            f" settled {row['pending']}, went back {row['reversed']}",
        )
        for row in await queries.over_settled(DIFFERENCES_MAX, outlet_id)
    ]


async def orphans(outlet_id: int | None = None) -> list[Difference]:
    """Every account belongs to an outlet."""
    return [
        Difference("points.orphans", f"account of outlet {row['outlet_id']}, which does not exist")
        for row in await queries.orphans(DIFFERENCES_MAX, outlet_id)
    ]


async def budgets(outlet_id: int | None = None) -> list[Difference]:
    """Every campaign has spent what its entries come to. Not a question of one outlet."""
    if outlet_id is not None:
        return []
    return [
        Difference("points.budgets", f"campaign {row['code']}: spent {row['spent_points']}, entries say {row['said']}")
        for row in await queries.wrong_budgets(DIFFERENCES_MAX)
    ]


async def adjustments(outlet_id: int | None = None) -> list[Difference]:
    """Every approved adjustment has its entry, and no other has one."""
    return [
        Difference(
            "points.adjustments",
            f"outlet {row['outlet_id']}, adjustment {row['id']}: approved {_told(row['points'])},"
            f" entered {_told(row['entered'])}",
        )
        for row in await queries.wrong_adjustments(DIFFERENCES_MAX, outlet_id)
    ]


def _told(points: int | None) -> str:
    return "none" if points is None else str(points)


PROOFS: tuple[Proof, ...] = (accounts, lots, entries, settlements, orphans, budgets, adjustments)
