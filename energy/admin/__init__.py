"""Energy in the admin, one module per room."""
