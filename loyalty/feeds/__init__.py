"""Feeds: what happened, as other programs read it."""
