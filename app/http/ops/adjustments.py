"""Pages of manual adjustments."""

from app.http.console.pages import Page

PAGES: tuple[Page, ...] = ()
