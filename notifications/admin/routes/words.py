"""How conditions, weekdays and channels are written on these pages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

WEEKDAYS = (
    ("1", gettext_lazy("周一")),
    ("2", gettext_lazy("周二")),
    ("3", gettext_lazy("周三")),
    ("4", gettext_lazy("周四")),
    ("5", gettext_lazy("周五")),
    ("6", gettext_lazy("周六")),
    ("7", gettext_lazy("周日")),
)
FIELDS = {
    "event": gettext_lazy("事件"),
    "source": gettext_lazy("来源"),
    "severity": gettext_lazy("最低级别"),
    "supplier": gettext_lazy("供应商"),
    "part": gettext_lazy("料号"),
    "group": gettext_lazy("组"),
    "hour": gettext_lazy("时段"),
    "weekday": gettext_lazy("星期"),
}


def days(numbers: str) -> str:
    """Return weekdays, kept as digits, by their names."""
    return "、".join(str(label) for number, label in WEEKDAYS if number in numbers)
