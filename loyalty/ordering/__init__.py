"""What outlets order: quotes that hold for minutes."""
