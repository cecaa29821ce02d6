"""What a file of readings looks like, as data: a profile.

Most files need none: titles such as 表号, 时间, 读数 are known, and the shape follows from them. A
profile says what a file does not: other titles, whose readings they are, how its times are meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from energy.choices import Label

KEYS = ("meter", "time", "date", "value")
DATE_ORDERS = ("ymd", "dmy", "mdy")
STANDARD = "标准"


class ProfileError(ValueError):
    """A layout that is none; the message names the entry."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How to read the files of one source.

    titles      more names of the columns `meter`, `time`, `date`, `value`
    meter       the code of the meter whose readings a file without a column of meters has
    meters      codes by the names that the file uses
    scale       what a number of the file is multiplied with (Wh to kWh: 0.001)
    label       what a time means, in place of what the devices say; see `energy.choices.Label`
    date_order  the order of day, month and year in dates that begin with neither: ymd, dmy or mdy
    """

    name: str = STANDARD
    titles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    meter: str = ""
    meters: Mapping[str, str] = field(default_factory=dict)
    scale: Decimal = Decimal(1)
    label: str = ""
    date_order: str = "ymd"

    @classmethod
    def from_json(cls, name: str, layout: object) -> Profile:
        """Return the profile that a row holds.

        Raises ProfileError naming what is wrong.
        """
        if not isinstance(layout, dict):
            raise ProfileError("layout: must be an object")
        known = {"titles", "meter", "meters", "scale", "label", "date_order"}
        if unknown := sorted(layout.keys() - known):
            raise ProfileError(f"{unknown[0]}: unknown; known are {', '.join(sorted(known))}")
        titles = _mapping(layout, "titles")
        if wrong := sorted(titles.keys() - set(KEYS)):
            raise ProfileError(f"titles.{wrong[0]}: unknown; known are {', '.join(KEYS)}")
        for key, words in titles.items():
            if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
                raise ProfileError(f"titles.{key}: must be a list of texts")
        meters = _mapping(layout, "meters")
        if not all(isinstance(code, str) and code for code in meters.values()):
            raise ProfileError("meters: must give a code for each name")
        label, order = layout.get("label", ""), layout.get("date_order", "ymd")
        if label and label not in Label.values:
            raise ProfileError(f"label: must be one of {', '.join(Label.values)}")
        if order not in DATE_ORDERS:
            raise ProfileError(f"date_order: must be one of {', '.join(DATE_ORDERS)}")
        meter = layout.get("meter", "")
        if not isinstance(meter, str):
            raise ProfileError("meter: must be a code")
        return cls(
            name=name,
            titles={key: tuple(words) for key, words in titles.items()},
            meter=meter,
            meters=meters,
            scale=_scale(layout.get("scale", "1")),
            label=label,
            date_order=order,
        )


def _mapping(layout: dict[str, Any], name: str) -> dict[str, Any]:
    found = layout.get(name, {})
    if not isinstance(found, dict):
        raise ProfileError(f"{name}: must be an object")
    return found


def _scale(given: object) -> Decimal:
    try:
        scale = Decimal(str(given))
    except InvalidOperation as error:
        raise ProfileError("scale: must be a number") from error
    if not scale.is_finite() or scale <= 0:
        raise ProfileError("scale: must be above 0")
    return scale
