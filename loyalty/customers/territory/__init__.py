"""Which rep looks after which outlets, and where outlets hang when the organisation moves."""
