"""The parts of `benchmarks/notifications.py`."""
