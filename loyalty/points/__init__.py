"""Points: an append-only ledger, its lots, and accounts that cache what the entries say."""
