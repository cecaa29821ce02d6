"""Notifications in the admin."""

from notifications.admin import channels, messages, settings, statistics, templates

__all__ = ["channels", "messages", "settings", "statistics", "templates"]
