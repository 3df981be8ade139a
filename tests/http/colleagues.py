"""New people for each module of tests: what a person may ask for in a minute, or propose in a day, is limited."""

from loyalty.staff import rules
from loyalty.staff.rules import Role
from tests import rows
from tests.conftest import House
from tests.http.staffing import Person

_ENTER = """
    WITH entered AS (
        INSERT INTO staff (code, login, name, source, created_at, password_hash, password_is_temporary)
        VALUES ($1, $1, $2, 'tests', now(), 'none', false) RETURNING id
    ), granted AS (
        INSERT INTO staff_grants (staff_id, role, node_id, from_at, granted_by)
        SELECT entered.id, $3, n.id, now() - interval '1 minute', 'command:tests'
          FROM entered, organisation_nodes n
         WHERE n.id = $4::bigint OR ($4::bigint IS NULL AND n.kind = 'group')
    ), logged_in AS (
        INSERT INTO staff_sessions (token_hash, staff_id, created_at, seen_at, expires_at, address, device)
        SELECT $5, id, now() - interval '1 minute', now(), now() + interval '1 day', '127.0.0.1', '测试' FROM entered
    )
    SELECT id FROM entered
"""


async def colleague(house: House, code: str, name: str, role: Role, node_id: int | None = None) -> Person:
    """Enter somebody with a role at a node, or in the whole house, logged in."""
    token = rules.new_session_token()
    kept = rules.token_hash(token)
    ((made,),) = await rows.fetch(house.database_url, _ENTER, code, name, role, node_id, kept)
    assert isinstance(made, int)
    return Person(made, code, token)
