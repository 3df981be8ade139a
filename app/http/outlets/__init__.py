"""Pages of one outlet for everybody who may look at it, within their reach."""
