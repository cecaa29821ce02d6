"""One package per customer; the setting CUSTOMER names the one that is used (docs/hooks.md)."""
