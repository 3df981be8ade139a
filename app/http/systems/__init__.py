"""Other programs: master data in, binding codes, feeds out."""
