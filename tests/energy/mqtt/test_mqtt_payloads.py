"""Topic filters, paths and payloads of MQTT: pure reading of what plants send."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.mqtt import payloads
from energy.mqtt.payloads import Found, Layout, Message
from spc_site.errors import AppError

SHANGHAI = ZoneInfo("Asia/Shanghai")
ARRIVED = datetime(2026, 3, 10, 4, tzinfo=UTC)


def read(layout: Layout, payload: object, topic: str = "plant/E001/energy") -> list[Found | AppError]:
    raw = payload if isinstance(payload, bytes) else str(payload).encode()
    return list(payloads.read(layout, Message(topic, raw, ARRIVED)))


def code(refusal: Found | AppError) -> str:
    assert isinstance(refusal, AppError)
    assert refusal.message
    return refusal.code


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("a/+/c", "a/x/c", True),
        ("a/+/c", "a//c", True),
        ("a/+", "a", False),
        ("+/+", "/x", True),
        ("+", "/x", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),  # so the specification has it
        ("a/#", "ab", False),
        ("#", "a/b", True),
        ("#", "$SYS/broker/uptime", False),
        ("+/broker/uptime", "$SYS/broker/uptime", False),
        ("表/+", "表/一", True),
    ],
)
def test_a_topic_belongs_to_a_filter_as_brokers_have_it(
    topic_filter: str, topic: str, expected: bool
) -> None:
    assert payloads.matches(topic_filter, topic) is expected


@pytest.mark.parametrize("text", ["", "$SYS/#", "$share/g/a", "a/#/b", "a/b#", "a/b+/c", "a\0b"])
def test_a_filter_that_brings_no_readings_is_refused(text: str) -> None:
    with pytest.raises(AppError) as caught:
        payloads.check_filter(text)
    assert caught.value.code == "bad_filter"


def test_a_filter_with_wildcards_is_taken() -> None:
    for text in ("a", "+", "#", "a/+/b/#", "/a"):
        payloads.check_filter(text)


@pytest.mark.parametrize(
    ("pattern", "expected"), [("{2}", "E001"), ("E-{2}", "E-E001"), ("{1}.{3}", "plant.energy")]
)
def test_the_code_of_a_meter_is_made_of_levels_of_the_topic(pattern: str, expected: str) -> None:
    payloads.check_pattern(pattern, "plant/+/energy")
    assert read(Layout(meter_pattern=pattern), 1) == [Found(expected, None, Decimal(1))]


@pytest.mark.parametrize("pattern", ["", "E", "{0}", "{4}", "{x}", "{2}{", "{}"])
def test_a_pattern_without_a_level_or_beyond_the_topic_is_refused(pattern: str) -> None:
    with pytest.raises(AppError) as caught:
        payloads.check_pattern(pattern, "plant/+/energy")
    assert caught.value.code == "bad_pattern"


def test_a_topic_that_is_too_short_for_its_pattern_is_told() -> None:
    payloads.check_pattern("{9}", "plant/#")
    assert [code(one) for one in read(Layout(meter_pattern="{9}"), 1)] == ["no_level"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("value", ("value",)),
        ("data.total", ("data", "total")),
        ("data.meters[0].v", ("data", "meters", 0, "v")),
        ("[3][1]", (3, 1)),
        ('["a.b"].c["d"]', ("a.b", "c", "d")),
        ("数据.值 1", ("数据", "值 1")),
    ],
)
def test_a_path_is_read_step_by_step(text: str, expected: payloads.Path) -> None:
    assert payloads.parse_path(text) == expected


@pytest.mark.parametrize(
    "text", ["", ".a", "a.", "a..b", "a[", "a[x]", "a[-1]", 'a["b]', "a.[0]", "[0]a", "a]b"]
)
def test_a_path_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(AppError) as caught:
        payloads.parse_path(text)
    assert caught.value.code == "bad_path"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [("12.30", "12.30"), (" 7\n", "7"), ("\ufeff1e3", "1E+3"), ("-4", "-4"), ("0.1", "0.1")],
)
def test_a_plain_number_is_exact(payload: str, expected: str) -> None:
    assert read(Layout(meter="m"), payload) == [Found("m", None, Decimal(expected))]


_JSON = Layout(meter="m", value_path="v", time_path="t")


@pytest.mark.parametrize(
    ("layout", "payload", "expected"),
    [
        (Layout(meter="m"), "", "not_a_number"),
        (Layout(meter="m"), "on", "not_a_number"),
        (Layout(meter="m"), "NaN", "not_a_number"),
        (Layout(meter="m"), "Infinity", "not_a_number"),
        (Layout(meter="m"), "9" * 41, "not_a_number"),
        (Layout(meter="m"), b"\xff\xfe\x00", "not_text"),
        (Layout(meter="m"), "1" * (payloads.MOST_BYTES + 1), "too_long"),
        (_JSON, "{", "not_json"),
        (_JSON, '{"v": NaN, "t": 1}', "not_json"),
        (_JSON, "[" * 100_000, "not_json"),
        (_JSON, '{"w": 1, "t": 1773100000}', "no_path"),
        (_JSON, "[1]", "no_path"),
        (_JSON, '{"v": true, "t": 1773100000}', "not_a_number"),
        (_JSON, '{"v": null, "t": 1773100000}', "not_a_number"),
        (_JSON, '{"v": [1], "t": 1773100000}', "not_a_number"),
        (_JSON, '{"v": 1}', "no_path"),
        (_JSON, '{"v": 1, "t": "soon"}', "bad_time"),
        (_JSON, '{"v": 1, "t": 1e300}', "bad_time"),
        (_JSON, '{"v": 1, "t": "2026-02-30 08:00"}', "bad_time"),
        (Layout(meter="m", value_path="v", items_path="items"), '{"items": {}}', "not_a_list"),
        (Layout(meter_path="no", value_path="v"), '{"no": {}, "v": 1}', "no_meter"),
        (Layout(meter_path="no", value_path="v"), '{"no": " ", "v": 1}', "no_meter"),
        (Layout(meter="m", scale=Decimal("0.1")), "1e999999999999999999", "too_large"),
        (Layout(meter="m", decimals=2), "1e50", "too_large"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_reason(layout: Layout, payload: Any, expected: str) -> None:
    assert [code(one) for one in read(layout, payload)] == [expected]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-10T08:15:00+08:00", datetime(2026, 3, 10, 8, 15, tzinfo=SHANGHAI)),
        ("2026-03-10T00:15:00.250Z", datetime(2026, 3, 10, 8, 15, tzinfo=SHANGHAI)),
        (1773101700, datetime(2026, 3, 10, 0, 15, tzinfo=UTC)),
        ("1773101700", datetime(2026, 3, 10, 0, 15, tzinfo=UTC)),
        (1773101700123, datetime(2026, 3, 10, 0, 15, tzinfo=UTC)),
        (1773101700.9, datetime(2026, 3, 10, 0, 15, tzinfo=UTC)),
    ],
)
def test_moments_come_as_text_as_seconds_and_as_milliseconds(written: object, expected: datetime) -> None:
    (found,) = read(_JSON, json.dumps({"v": 1, "t": written}))
    assert isinstance(found, Found)
    assert found.at == expected


def test_a_moment_without_a_zone_is_left_to_the_time_of_the_plant() -> None:
    (found,) = read(_JSON, '{"v": 1, "t": "2026/3/10 8:15"}')
    assert isinstance(found, Found)
    assert found.at == datetime(2026, 3, 10, 8, 15)  # noqa: DTZ001


def test_one_message_brings_many_meters_and_a_bad_one_keeps_no_other_out() -> None:
    layout = Layout(
        meter_path="no", items_path="d.m", value_path="e.total", scale=Decimal("0.001"), decimals=2
    )
    items = [{"no": "E1", "e": {"total": 1234567}}, {"no": "E2"}, {"no": 17, "e": {"total": "10.4"}}]
    first, bad, last = read(layout, json.dumps({"d": {"m": items}}))
    assert first == Found("E1", None, Decimal("1234.57"))
    assert code(bad) == "no_path"
    assert last == Found("17", None, Decimal("0.01"))


def test_floats_are_rounded_only_where_that_is_wanted() -> None:
    raw = '{"v": 3489.2999877929688}'
    exact, rounded = Layout(meter="m", value_path="v"), Layout(meter="m", value_path="v", decimals=2)
    assert read(exact, raw) == [Found("m", None, Decimal("3489.2999877929688"))]
    assert read(rounded, raw) == [Found("m", None, Decimal("3489.30"))]


_NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters='."[]'), min_size=1, max_size=6)
_STEPS = st.lists(st.one_of(_NAMES, st.integers(0, 3)), min_size=1, max_size=5)


@given(steps=_STEPS, value=st.decimals(allow_nan=False, allow_infinity=False, places=4, max_value=10**12))
def test_a_value_is_found_exactly_wherever_its_path_leads(steps: list[str | int], value: Decimal) -> None:
    text = f"{value:f}"
    for step in reversed(steps):
        text = f"{{{json.dumps(step)}: {text}}}" if isinstance(step, str) else f"[{'null, ' * step}{text}]"
    path = "".join(f'["{step}"]' if isinstance(step, str) else f"[{step}]" for step in steps)
    assert read(Layout(meter="m", value_path=path), text) == [Found("m", None, value)]


@given(payload=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_payload_whatever_stops_the_reading(payload: bytes) -> None:
    for layout in (
        Layout(meter="m", scale=Decimal("0.001"), decimals=3),
        _JSON,
        Layout(meter_path="a", value_path="a"),
    ):
        for one in read(layout, payload):
            assert isinstance(one, Found) or one.message
    assert len(Message("t", payload, ARRIVED).excerpt) <= 120
