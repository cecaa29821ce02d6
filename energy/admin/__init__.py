"""Energy in the admin, one module per room."""

from energy.admin import charging, mqtt, output, quotas, readings, structure, tariffs

__all__ = ["charging", "mqtt", "output", "quotas", "readings", "structure", "tariffs"]
