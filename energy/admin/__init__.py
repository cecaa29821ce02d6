"""Energy in the admin, one module per room."""

from energy.admin import output, tariffs

__all__ = ["output", "tariffs"]
