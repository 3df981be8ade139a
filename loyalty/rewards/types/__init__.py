"""The kinds of reward: one file each, and one line in the registry."""
