"""Feature switches: which outlets see a feature, from when until when, and off at once when something is wrong."""
