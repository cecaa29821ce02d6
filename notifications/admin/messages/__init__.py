"""The log of deliveries in the admin: what was said to whom, how it went, what people did about it."""

from notifications.admin.messages import dead, export, log, resending, tiles

__all__ = ["dead", "export", "log", "resending", "tiles"]
