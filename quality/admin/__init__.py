"""Inspection in the admin: reports and their entries, master data, imports, verification."""

from quality.admin import entries, imports, master, reports, verification

__all__ = ["entries", "imports", "master", "reports", "verification"]
