"""The pages of /admin: one literal list."""

from app.http.admin import audits, keys, organisation, staff, staff_one, switches, webhooks
from app.http.console.pages import Area

ADMIN = Area(
    "admin",
    "/admin",
    (*staff.PAGES, *staff_one.PAGES, *organisation.PAGES, *switches.PAGES, *keys.PAGES, *webhooks.PAGES, *audits.PAGES),
)
