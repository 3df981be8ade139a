"""Recomputing orders."""
