"""Marketing's pages: rewards, campaigns, rule books."""
