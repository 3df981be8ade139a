"""The catalogue as staff look at it."""
