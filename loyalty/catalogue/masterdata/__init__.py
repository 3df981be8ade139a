"""The catalogue as master data brings it."""
