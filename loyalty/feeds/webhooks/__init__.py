"""Webhooks: events brought to other programs. What is sent when is decided and recorded here; tasks send it."""
