"""Energy in the admin, one module per room."""

from energy.admin import output, quotas, readings, structure, tariffs

__all__ = ["output", "quotas", "readings", "structure", "tariffs"]
