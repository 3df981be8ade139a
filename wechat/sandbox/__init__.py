"""A stand-in for WeChat's servers, for the demo and the tests; never part of production.

Written apart from the client beside it, and stricter than WeChat where the documents allow it: the two check each
other. It imports nothing of the rest of the project, and keeps no secret in its answers or its list of calls.
"""
