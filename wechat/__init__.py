"""WeChat, the outside party: what we ask of it and what it tells us. Imports nothing else of the project."""
