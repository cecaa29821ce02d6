"""The figures of delivery in the admin: how much, how well, how fast, how long the queue; and troubles."""

from notifications.admin.statistics import page, tiles, troubles

__all__ = ["page", "tiles", "troubles"]
