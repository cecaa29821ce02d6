"""The drills of the fault matrix, each a function of the field it takes place on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.fault_drills import databases, mishaps, processes, redis, soaking, wecom
from benchmarks.fault_drills.field import Range, Result

DRILLS: dict[str, Callable[[Range], tuple[Any, Result] | None]] = {
    "F1": processes.f1,
    "F2": processes.f2,
    "F3": processes.f3,
    "F4": processes.f4,
    "F5": processes.f5,
    "F6": redis.f6,
    "F7": redis.f7,
    "F8": redis.f8,
    "F9": redis.f9,
    "F10": databases.f10,
    "F11": databases.f11,
    "F12": databases.f12,
    "F13": wecom.f13,
    "F14": wecom.f14,
    "F15": wecom.f15,
    "F16": wecom.f16,
    "F19": wecom.f19,
    "F20": wecom.f20,
    "F21": wecom.f21,
    "F22": mishaps.f22,
    "F23": processes.f23,
    "F24": mishaps.f24,
    "F25": mishaps.f25,
    "F26": processes.f26,
    "soak": soaking.soak,
}
ELSEWHERE = {
    "F17": "tests/faults: one refresh by four workers (needs an application)",
    "F18": "tests/faults: invaliduser is recorded by name",
    "F27": "tests/faults: from the first tables to the newest and back",
}
