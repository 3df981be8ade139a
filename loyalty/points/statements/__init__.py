"""Reading the ledger: accounts, entries with their why, statements by month."""
