"""Manual adjustments: proposed by one person, checked by another."""
