"""Processes that keep the system going.

`processes` and `redis_server` use the standard library alone, because `dev.py` runs them before
anything is installed; `beats` and `pump` are what `manage.py work` runs.
"""
