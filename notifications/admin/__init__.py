"""Notifications in the admin."""

from notifications.admin import channels, messages, routes, settings, statistics, templates

__all__ = ["channels", "messages", "routes", "settings", "statistics", "templates"]
