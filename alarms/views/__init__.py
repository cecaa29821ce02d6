"""The pages of alarms, and what is posted from them."""

from alarms.views.alarms import acknowledge, alarm, alarm_list, assign, explain, resolve, silence
from alarms.views.figures import statistics
from alarms.views.on_call import on_call

__all__ = [
    "acknowledge",
    "alarm",
    "alarm_list",
    "assign",
    "explain",
    "on_call",
    "resolve",
    "silence",
    "statistics",
]
