"""The only raw SQL of the engagement module."""

from collections.abc import Sequence
from datetime import date

from loyalty.transactions import writing


async def count_checkins(outlet_codes: Sequence[str], days: Sequence[date]) -> None:
    """Add one check-in for each pair of outlet and day."""
    await writing().execute(
        """
        INSERT INTO outlet_days AS d (outlet_code, on_date, checkins)
        SELECT outlet_code, on_date, count(*) FROM unnest($1::text[], $2::date[]) AS g(outlet_code, on_date)
         GROUP BY on_date, outlet_code ORDER BY on_date, outlet_code
        ON CONFLICT (on_date, outlet_code) DO UPDATE SET checkins = d.checkins + excluded.checkins
        """,
        outlet_codes,
        days,
    )
