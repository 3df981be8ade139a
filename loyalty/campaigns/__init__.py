"""Campaigns with their budgets, and allotments: what there is only so much of."""
