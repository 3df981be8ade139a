"""Entitlements: held by an order, redeemed at its confirmation, released at its cancellation, or lapsed."""
