"""Energy in the admin, one module per room."""

from energy.admin import output, readings, structure, tariffs

__all__ = ["output", "readings", "structure", "tariffs"]
