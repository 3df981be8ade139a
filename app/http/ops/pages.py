"""The pages of /ops: one literal list."""

from app.http.console.pages import Area
from app.http.ops import adjustments, reps

OPS = Area("ops", "/ops", (*reps.PAGES, *adjustments.PAGES))
