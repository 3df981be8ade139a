"""Check-in: once an outlet and business date, points by the ladder."""
