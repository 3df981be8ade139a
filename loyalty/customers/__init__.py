"""Customers: outlets, the members who run them, and the bindings between the two."""
