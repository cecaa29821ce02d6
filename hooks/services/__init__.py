"""What can be done with hooks: fire a point, run what is due, resume what rests."""

from hooks.services.firing import fire, fire_many, is_wanted
from hooks.services.running import forget_old, has_due, resume, retry, run_due

__all__ = ["fire", "fire_many", "forget_old", "has_due", "is_wanted", "resume", "retry", "run_due"]
