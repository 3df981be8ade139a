"""Engagement: what the events say about how an outlet is doing."""
