"""Events: the outbox that verbs write, the stamper, the numbered log, and the cursors of its readers."""
