"""Pages of plant operations."""
