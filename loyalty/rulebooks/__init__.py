"""Rule books: what marketing and head office decide by number, as versions that never change."""
