"""Notifications in the admin."""

from notifications.admin import channels, messages, settings, templates

__all__ = ["channels", "messages", "settings", "templates"]
