"""Rewards: what points buy and games give, and the entitlements that outlets hold."""
