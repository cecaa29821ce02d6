"""Who gets what, in the admin: ordered routes, the people they name, "who would get this?", floods."""

from notifications.admin.routes import floods, recipients, table, who

__all__ = ["floods", "recipients", "table", "who"]
