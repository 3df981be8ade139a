"""The pages of /ops: one literal list."""

from app.http.console.pages import Area
from app.http.ops import adjustments, order_bulk, order_one, orders, products, reps, sheets

OPS = Area(
    "ops",
    "/ops",
    (
        *reps.PAGES,
        *adjustments.PAGES,
        *sheets.PAGES,
        *products.PAGES,
        *orders.PAGES,
        *order_bulk.PAGES,
        *order_one.PAGES,
    ),
)
