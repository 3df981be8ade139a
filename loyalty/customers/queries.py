"""The only raw SQL of the customers module."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from loyalty.transactions import reading, writing

_STANDING = """
    SELECT m.id AS member_id, m.epoch, o.id AS outlet_id, o.code AS outlet_code, o.name AS outlet_name,
           b.id AS binding_id, b.role
      FROM members m
      {join} bindings b ON b.member_id = m.id AND b.outlet_id = m.current_outlet_id AND b.ended_at IS NULL
      {join} outlets o ON o.id = b.outlet_id
     WHERE m.id = ANY ({ids})
"""


def standings_of(ids: str) -> str:
    """Give the SQL that tells standings, to stand inside a changing verb's own statement.

    ``ids`` is an SQL expression of type bigint[]. Columns: member_id, epoch, outlet_id, outlet_code, outlet_name,
    binding_id, role; an unbound member has nulls from outlet_id on, an unknown one no row.
    """
    return _STANDING.format(join="LEFT JOIN", ids=ids)


_STANDINGS = standings_of("$1::bigint[]")


async def standings(member_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read who the members are and which outlet they act for now; columns as ``standings_of`` says."""
    return await reading().fetch(_STANDINGS, member_ids)


async def lock_standings(member_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Read the standings of bound members and lock their outlets, in id order.

    The bindings are locked too, after the outlets: one that ended while we waited is then seen as it is now.
    """
    bound = _STANDING.format(join="JOIN", ids="$1::bigint[]")
    return await writing().fetch(bound + " ORDER BY o.id FOR NO KEY UPDATE OF o FOR SHARE OF b", member_ids)


async def lock_outlet(outlet_id: int) -> asyncpg.Record | None:
    """Lock one outlet."""
    return await writing().fetchrow(
        "SELECT id, code, name, status FROM outlets WHERE id = $1 FOR NO KEY UPDATE", outlet_id
    )


async def use_binding_code(code_id: int, at: datetime) -> bool:
    """Use a binding code up; False when it was used or revoked meanwhile."""
    done = await writing().fetchval(
        """
        UPDATE binding_codes SET used_at = $2
         WHERE id = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2 RETURNING id
        """,
        code_id,
        at,
    )
    return done is not None


async def recognise_member(openid: str, unionid: str | None, at: datetime) -> asyncpg.Record:
    """Find the member by openid, else by unionid, else make one; note the login.

    A unionid that another row holds is left with that row.
    """
    row = await writing().fetchrow(
        """
        UPDATE members m
           SET openid = $1, last_login_at = $3,
               unionid = coalesce(m.unionid, CASE WHEN NOT EXISTS (SELECT FROM members WHERE unionid = $2) THEN $2 END)
         WHERE id = (SELECT id FROM members WHERE openid = $1 OR (unionid = $2 AND openid IS NULL)
                      ORDER BY openid NULLS LAST LIMIT 1)
        RETURNING id, epoch, current_outlet_id
        """,
        openid,
        unionid,
        at,
    )
    if row is None:
        row = await writing().fetchrow(
            """
            INSERT INTO members (openid, unionid, created_at, last_login_at)
            VALUES ($1, CASE WHEN NOT EXISTS (SELECT FROM members WHERE unionid = $2) THEN $2 END, $3, $3)
            ON CONFLICT (openid) DO UPDATE SET last_login_at = $3
            RETURNING id, epoch, current_outlet_id
            """,
            openid,
            unionid,
            at,
        )
    if row is None:
        raise RuntimeError("an upsert returned no row")
    return row


async def live_bindings(member_id: int) -> list[asyncpg.Record]:
    """List the outlets that a member is bound to now, the earliest binding first."""
    return await reading().fetch(
        """
        SELECT o.id, o.code, o.name, b.role FROM bindings b JOIN outlets o ON o.id = b.outlet_id
         WHERE b.member_id = $1 AND b.ended_at IS NULL ORDER BY b.bound_at, b.id
        """,
        member_id,
    )


async def leave_outlet(member_id: int, outlet_id: int) -> None:
    """Move a member whose binding has ended to the earliest of their other live bindings, or to none."""
    await writing().execute(
        """
        UPDATE members SET current_outlet_id = (
                   SELECT outlet_id FROM bindings WHERE member_id = $1 AND ended_at IS NULL
                    ORDER BY bound_at, id LIMIT 1)
         WHERE id = $1 AND current_outlet_id = $2
        """,
        member_id,
        outlet_id,
    )


async def return_to_outlet(member_id: int, outlet_id: int) -> None:
    """Have a member who acts for no outlet act for this one."""
    await writing().execute(
        "UPDATE members SET current_outlet_id = $2 WHERE id = $1 AND current_outlet_id IS NULL", member_id, outlet_id
    )


async def offered_outlets(member_id: int, phone_indexes: Sequence[bytes], limit: int) -> list[asyncpg.Record]:
    """List open outlets whose master-data phone is the given one and to which the member is not bound."""
    return await reading().fetch(
        """
        SELECT o.id, o.code, o.name,
               EXISTS (SELECT FROM bindings x
                        WHERE x.outlet_id = o.id AND x.role = 'owner' AND x.ended_at IS NULL) AS has_owner
          FROM outlets o
         WHERE o.contact_phone_index = ANY ($2::bytea[]) AND o.status = 'open'
           AND NOT EXISTS (SELECT FROM bindings b
                            WHERE b.outlet_id = o.id AND b.member_id = $1 AND b.ended_at IS NULL)
         ORDER BY o.id LIMIT $3
        """,
        member_id,
        phone_indexes,
        limit,
    )


OUTLET_COLUMNS: dict[str, str] = {
    "code": "text",
    "name": "text",
    "plant_id": "bigint",
    "office_id": "bigint",
    "route_id": "bigint",
    "address": "text",
    "contact_name": "text",
    "contact_phone_sealed": "bytea",
    "contact_phone_index": "bytea",
    "channel": "text",
    "value_class": "text",
    "value_class_source": "text",
    "value_class_since": "timestamptz",
    "opened_on": "date",
    "status": "text",
    "delivery_days": "text",
    "price_list": "text",
    "minimum_order_fen": "bigint",
    "name_initials": "text",
}
"""The columns that master data fills, each with the type in which it travels: delivery_days as an array's text."""

_NAMES = ", ".join(OUTLET_COLUMNS)
_UNNEST = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(OUTLET_COLUMNS.values(), start=2))
_VALUES = ", ".join(f"g.{name}{'::smallint[]' if name == 'delivery_days' else ''}" for name in OUTLET_COLUMNS)
_SET = ", ".join(
    f"{name} = g.{name}{'::smallint[]' if name == 'delivery_days' else ''}" for name in OUTLET_COLUMNS if name != "code"
)


async def lock_outlets(codes: Sequence[str]) -> list[asyncpg.Record]:
    """Read outlets by code with their places by code, and lock them in id order."""
    return await writing().fetch(
        """
        SELECT o.*, p.code AS plant_code, f.code AS office_code, r.code AS route_code
          FROM outlets o
          JOIN organisation_nodes p ON p.id = o.plant_id
          LEFT JOIN organisation_nodes f ON f.id = o.office_id
          LEFT JOIN organisation_nodes r ON r.id = o.route_id
         WHERE o.code = ANY ($1::text[]) ORDER BY o.id FOR NO KEY UPDATE OF o
        """,
        codes,
    )


async def insert_outlets(rows: Sequence[Sequence[object]], at: datetime) -> int:
    """Insert outlets, each a row in the order of OUTLET_COLUMNS; return how many were new."""
    made = await writing().fetch(
        f"""
        INSERT INTO outlets ({_NAMES}, created_at, updated_at)
        SELECT {_VALUES}, $1, $1 FROM unnest({_UNNEST}) AS g({_NAMES})
        ON CONFLICT (code) DO NOTHING RETURNING 1
        """,
        at,
        *zip(*rows, strict=True),
    )
    return len(made)


async def update_outlets(rows: Sequence[Sequence[object]], at: datetime) -> None:
    """Update locked outlets by code, each a row in the order of OUTLET_COLUMNS."""
    await writing().execute(
        f"""
        UPDATE outlets o SET {_SET}, updated_at = $1 FROM unnest({_UNNEST}) AS g({_NAMES}) WHERE o.code = g.code
        """,
        at,
        *zip(*rows, strict=True),
    )


async def sealed_with_another_key(table: str, key_id: bytes, limit: int) -> list[asyncpg.Record]:
    """Lock rows of members or outlets whose phone is sealed with another key than ``key_id``, at most ``limit``."""
    column = {"members": "phone", "outlets": "contact_phone"}[table]
    return await writing().fetch(
        f"""
        SELECT id, {column}_sealed AS sealed FROM {table}
         WHERE {column}_sealed IS NOT NULL AND substring({column}_sealed FROM 1 FOR 4) <> $1
         ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
        """,
        key_id,
        limit,
    )


async def reseal(table: str, ids: Sequence[int], sealed: Sequence[bytes], indexes: Sequence[bytes]) -> None:
    """Put newly sealed phones into locked rows of members or outlets."""
    column = {"members": "phone", "outlets": "contact_phone"}[table]
    await writing().execute(
        f"""
        UPDATE {table} t SET {column}_sealed = g.sealed, {column}_index = g.found_by
          FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS g(id, sealed, found_by) WHERE t.id = g.id
        """,
        ids,
        sealed,
        indexes,
    )
