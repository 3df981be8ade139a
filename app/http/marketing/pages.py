"""The pages of marketing, below /marketing."""

from app.http.console.pages import Area
from app.http.marketing import campaigns, rewards, rules

MARKETING = Area("marketing", "/marketing", (*rewards.PAGES, *campaigns.PAGES, *rules.PAGES))
