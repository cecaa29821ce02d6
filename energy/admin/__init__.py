"""Energy in the admin, one module per room."""

from energy.admin import charging, output, quotas, readings, structure, tariffs

__all__ = ["charging", "output", "quotas", "readings", "structure", "tariffs"]
