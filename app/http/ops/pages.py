"""The pages of /ops: one literal list."""

from app.http.console.pages import Area
from app.http.ops import adjustments, products, reps

OPS = Area("ops", "/ops", (*reps.PAGES, *adjustments.PAGES, *products.PAGES))
