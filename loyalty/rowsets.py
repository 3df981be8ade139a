"""Rows on their way into a set statement: one parameter, however many rows and columns.

A statement reads them with ``json_to_recordset($1) AS w(n int, outlet_id bigint, …)``. asyncpg looks at each element of
each array parameter several times; nine arrays cost our process more than all else about the statement. Bytes travel as
base64, instants and days as ISO 8601, a dict as a JSON column.
"""

from collections.abc import Sequence

import msgspec

_encoder = msgspec.json.Encoder()


def rowset(rows: Sequence[msgspec.Struct]) -> str:
    """Give rows of one Struct type as the parameter of such a statement, in their order."""
    return _encoder.encode(rows).decode()
