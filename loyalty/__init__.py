"""The promise to a customer: outlets, points, events. Knows nothing of HTTP, Celery, Redis or WeChat."""
