"""What rewards came to: cost, use and results for marketing, and the proofs' counts."""
