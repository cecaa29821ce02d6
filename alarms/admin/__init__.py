"""Alarms in the admin: what happened, what was set, what has to be done."""

from alarms.admin import alarms, escalation, orders, rules

__all__ = ["alarms", "escalation", "orders", "rules"]
