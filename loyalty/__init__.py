"""The promise to a customer: outlets, points, events. Knows nothing of HTTP, Celery, Redis or WeChat."""

import os

# pypinyin's dictionary of phrases takes 44 MB in every process of the house. loyalty/customers/rules.py names the few
# that shops' names need. Set before anything of ours imports it.
os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")
