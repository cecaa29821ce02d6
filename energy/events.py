"""What energy tells: to the rooms above as signals, to people as events."""

from __future__ import annotations

from django.dispatch import Signal

days_changed = Signal()
"""Sent after the commit that changed daily use, with `energy_type_ids` (a set), `first`, `last`.

The days may be of any age: late readings change the past.
"""
