"""HTTP: one folder per audience, and what they share."""
