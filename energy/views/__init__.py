"""Pages of energy, one module per room."""
