"""Watching delivery: what is wrong with it, since when, and whom that can still be told.

A *rule* looks at the present and returns what it finds, each with a key. A *trouble* is a row that lives
from the first finding until the thing has stayed away for a while; it is announced once, after it has
lasted as long as its rule asks, and once again when it has ended. This room knows nothing of alarms: it
sends `trouble` and `trouble_ended`, and a receiver that could tell somebody returns True. While nobody
could be told, every page and `/healthz` say it, and it is tried again every minute.

An alarm about a channel never goes through that channel alone: `ways_around` names the others.
"""

from notifications.monitoring import rules  # the import declares them
from notifications.monitoring.findings import RULES
from notifications.monitoring.troubles import trouble, trouble_ended, unheard, watch
from notifications.monitoring.ways import EVENT, keepers, ways_around

__all__ = [
    "EVENT",
    "RULES",
    "keepers",
    "rules",
    "trouble",
    "trouble_ended",
    "unheard",
    "watch",
    "ways_around",
]
