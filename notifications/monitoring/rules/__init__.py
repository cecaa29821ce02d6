"""What can be wrong with delivery: each rule declares itself when its module is loaded."""

from notifications.monitoring.rules import channels, queue, speed, volume

__all__ = ["channels", "queue", "speed", "volume"]
