"""The people who work with us: their roles at nodes of the organisation, their log-ins."""
