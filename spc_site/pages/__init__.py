"""The top layer: pages that read from every room (dashboard, navigation, search)."""
