"""Pages of administrators: staff, the organisation, keys, switches, the audit."""
