"""The pages of /sfa: one literal list."""

from app.http.console.pages import Area
from app.http.sfa import order_one, orders

VISITS = Area("sfa", "/sfa", (*orders.PAGES, *order_one.PAGES))
