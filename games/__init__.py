"""Ways to engage, one folder each. Games build on loyalty and do not know each other."""
