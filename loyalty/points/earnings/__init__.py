"""What outlets earn under caps and budgets."""
