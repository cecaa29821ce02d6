"""Registers to daily use, daily use to groups, use to quotas.

numpy and the standard library only; usable alone:

from energy.metering import Register, daily_use

use = daily_use(times, counts, Register(interval_s=900, max_per_hour=5000), zone=ZoneInfo("Asia/Shanghai"))
use.days, use.counts, use.coverage, use.flags
"""

from energy.metering.amounts import DayAmounts, Factors, Standing, day_amounts
from energy.metering.daily import DailyUse, daily_use
from energy.metering.days import days_around, midnights
from energy.metering.errors import MeterError
from energy.metering.intervals import interval_course
from energy.metering.packed import pack, unpack, unpack_all
from energy.metering.plant import PlantUse, plant_use
from energy.metering.quotas import Forecast, Level, Limits, Step, forecast, level, rate_pct, step
from energy.metering.registers import COUNT_LIMIT, Change, Course, Flag, Register, course
from energy.metering.tree import (
    Attachment,
    Plant,
    Shares,
    Upstream,
    group_use,
    shares,
    unmeasured,
    with_virtual,
)

__all__ = [
    "COUNT_LIMIT",
    "Attachment",
    "Change",
    "Course",
    "DailyUse",
    "DayAmounts",
    "Factors",
    "Flag",
    "Forecast",
    "Level",
    "Limits",
    "MeterError",
    "Plant",
    "PlantUse",
    "Register",
    "Shares",
    "Standing",
    "Step",
    "Upstream",
    "course",
    "daily_use",
    "day_amounts",
    "days_around",
    "forecast",
    "group_use",
    "interval_course",
    "level",
    "midnights",
    "pack",
    "plant_use",
    "rate_pct",
    "shares",
    "step",
    "unmeasured",
    "unpack",
    "unpack_all",
    "with_virtual",
]
