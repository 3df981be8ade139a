"""Accounts and lots as the entries say: proven, and rebuilt when a proof fails."""
