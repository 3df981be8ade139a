"""What staff see of outlets within their reach, and do for them."""
