"""Members in the mini-program."""
