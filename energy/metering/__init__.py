"""Registers to daily use. numpy and the standard library only; usable alone.

from energy.metering import Register, daily_use

use = daily_use(times, counts, Register(interval_s=900, max_per_hour=5000), zone=ZoneInfo("Asia/Shanghai"))
use.days, use.counts, use.coverage, use.flags
"""

from energy.metering.daily import DailyUse, daily_use
from energy.metering.days import days_around, midnights
from energy.metering.errors import MeterError
from energy.metering.plant import PlantUse, plant_use
from energy.metering.registers import COUNT_LIMIT, Change, Course, Flag, Register, course

__all__ = [
    "COUNT_LIMIT",
    "Change",
    "Course",
    "DailyUse",
    "Flag",
    "MeterError",
    "PlantUse",
    "Register",
    "course",
    "daily_use",
    "days_around",
    "midnights",
    "plant_use",
]
