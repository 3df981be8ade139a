"""The demo's order hub: a small program of its own that takes orders by webhook and reports back, as a plant's would.

It knows of us only what any hub would: the secret that signs and a system key. Never part of production.
"""
