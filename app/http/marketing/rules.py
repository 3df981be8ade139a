"""Pages of marketing."""

from app.http.console.pages import Page

PAGES: tuple[Page, ...] = ()
