"""Inspection in the admin: reports and their entries, master data, imports, verification."""

from quality.admin import imports, master, reports, verification

__all__ = ["imports", "master", "reports", "verification"]
