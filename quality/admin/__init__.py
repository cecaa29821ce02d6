"""Inspection in the admin: reports and their entries, master data, imports."""

from quality.admin import imports, master, reports

__all__ = ["imports", "master", "reports"]
