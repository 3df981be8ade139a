"""Notices: what members allow us to send them, and what WeChat says of it."""
