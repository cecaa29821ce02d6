"""Inspection in the admin: reports and their entries, dispositions, master data, imports, verification."""

from quality.admin import dispositions, entries, imports, master, reports, verification

__all__ = ["dispositions", "entries", "imports", "master", "reports", "verification"]
