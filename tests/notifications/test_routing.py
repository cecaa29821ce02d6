"""Who gets an event, decided without a database: matching, hours, quiet times, chains."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from notifications import routing
from notifications.routing import Chain, Event, Outcome, Person, Rule, Skip, Step, Way

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 23, 10, 30, tzinfo=SHANGHAI)
EVENT = Event(
    name="quality.iqc.summary",
    source="quality",
    severity="warning",
    supplier="苏州精密轴承有限公司",
    part="PR-74-001",
    group="IQC",
)
GROUP, MAIL = Way("wechat_bot", "IQC"), Way("email", "qa@example.com")


def _misses(rule: Rule, event: Event = EVENT, at: datetime = MONDAY) -> list[str]:
    return [miss.field for miss in routing.misses(rule, event, at)]


def test_a_blank_rule_matches_everything() -> None:
    assert _misses(Rule()) == []
    assert _misses(Rule(), Event(name="x")) == []


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("quality.*", "quality.iqc.summary", True),
        ("*.summary", "quality.iqc.summary", True),
        ("*", "", True),
        ("IQC", "iqc", True),
        ("IQC", "IQC2", False),
        ("energy.*, quality.iqc.*", "quality.iqc.entry", True),
        ("energy.*，quality.oqc.*", "quality.iqc.entry", False),
        ("quality.iqc", "qualityxiqc", False),
        ("PR-[74]*", "PR-[74]-1", True),
        ("PR-[74]*", "PR-7", False),
        ("*精密*", "苏州精密轴承", True),
        (",", "", False),
    ],
)
def test_patterns_know_the_star_and_the_comma_and_nothing_else(pattern: str, value: str, fits: bool) -> None:
    assert routing.matches(pattern, value) is fits


def test_every_reason_of_a_miss_is_told_with_what_was_asked_and_found() -> None:
    rule = Rule(event="energy.*", supplier="*北京*", part="LG*", group="OQC", minimum_severity="critical")
    found = routing.misses(rule, EVENT, MONDAY)
    assert [miss.field for miss in found] == ["event", "supplier", "part", "group", "severity"]
    assert (found[-1].asked, found[-1].found) == ("critical", "warning")


def test_a_minimum_severity_means_that_and_graver_and_never_none() -> None:
    for severity, is_in in [("", False), ("info", False), ("warning", True), ("critical", True)]:
        event = Event(name="x", severity=severity)
        assert (_misses(Rule(minimum_severity="warning"), event) == []) is is_in


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        (time(8), time(17), [time(8), time(16, 59)], [time(7, 59), time(17)]),
        (time(22), time(6), [time(22), time(23), time(0), time(5, 59)], [time(6), time(21, 59)]),
        (time(0), time(0), [time(0), time(12)], []),
    ],
)
def test_hours_may_pass_midnight(start: time, end: time, inside: list[time], outside: list[time]) -> None:
    assert all(routing.in_hours(moment, start, end) for moment in inside)
    assert not any(routing.in_hours(moment, start, end) for moment in outside)


def test_the_hours_after_midnight_belong_to_the_day_on_which_the_shift_began() -> None:
    shift = Rule(hour_from=time(22), hour_until=time(6), weekdays="1")
    assert _misses(shift, at=MONDAY.replace(hour=23)) == []
    assert _misses(shift, at=MONDAY.replace(day=24, hour=2)) == []
    assert _misses(shift, at=MONDAY.replace(hour=2)) == ["weekday"]
    assert _misses(shift, at=MONDAY) == ["hour"]


def test_the_first_match_ends_the_search_unless_it_goes_on() -> None:
    rules = [Rule(group="OQC"), Rule(goes_on=True), Rule(event="quality.*"), Rule()]
    outcomes = [verdict.outcome for verdict in routing.decide(rules, EVENT, MONDAY)]
    assert outcomes == [Outcome.MISSED, Outcome.MATCHED, Outcome.MATCHED, Outcome.NOT_REACHED]


@pytest.mark.parametrize(
    ("at", "end"),
    [
        (MONDAY.replace(hour=22), MONDAY.replace(day=24, hour=7, minute=0)),
        (MONDAY.replace(hour=1), MONDAY.replace(hour=7, minute=0)),
        (MONDAY.replace(hour=7, minute=0), None),
        (MONDAY, None),
    ],
)
def test_quiet_hours_end_at_their_next_end(at: datetime, end: datetime | None) -> None:
    assert routing.quiet_end(at, time(22), time(7)) == end


def test_without_hours_nothing_is_quiet() -> None:
    assert routing.quiet_end(MONDAY, None, None) is None


def _person(name: str = "林工", **fields: object) -> Person:
    return Person(name=name, **({"ways": (Way("wechat_api", "lin"),)} | fields))  # type: ignore[arg-type]


def test_a_step_is_a_message_and_a_reserve_joins_the_one_before() -> None:
    steps = [
        Step(way=GROUP),
        Step(way=MAIL, is_reserve=True),
        Step(person=_person(ways=(Way("wechat_api", "lin"), MAIL))),
    ]
    assert [chain.ways for chain in routing.chains(steps, EVENT, MONDAY)] == [
        (GROUP, MAIL),
        (Way("wechat_api", "lin"), MAIL),
    ]


def test_a_reserve_without_anything_before_it_is_the_first() -> None:
    assert [chain.ways for chain in routing.chains([Step(way=MAIL, is_reserve=True)], EVENT, MONDAY)] == [
        (MAIL,)
    ]


def test_quiet_hours_put_a_message_off_unless_its_priority_breaks_through() -> None:
    night = MONDAY.replace(hour=23)
    steps = [Step(person=_person(quiet_from=time(22), quiet_until=time(7), breaks_through=2))]
    for priority, waits in [(1, False), (2, False), (3, True)]:
        chain = routing.chains(steps, Event(name="x", priority=priority), night)[0]
        assert bool(chain.quiet_until) is waits
        assert chain.ways


def test_with_zero_nothing_breaks_through() -> None:
    steps = [Step(person=_person(quiet_from=time(0), quiet_until=time(0), breaks_through=0))]
    assert routing.chains(steps, Event(name="x", priority=1), MONDAY)[0].quiet_until


def test_who_does_not_want_it_passes_it_to_the_reserve_and_stays_named() -> None:
    person = _person(muted=("quality.*",))
    chain = routing.chains([Step(person=person), Step(way=GROUP, is_reserve=True)], EVENT, MONDAY)[0]
    assert (chain.ways, chain.skipped, chain.person) == ((GROUP,), ((person, Skip.MUTED),), None)
    alone = routing.chains([Step(person=person)], EVENT, MONDAY)[0]
    assert (alone.ways, alone.skipped) == ((), ((person, Skip.MUTED),))


@pytest.mark.parametrize(
    ("fields", "why"), [({"is_active": False}, Skip.INACTIVE), ({"ways": ()}, Skip.NO_ADDRESS)]
)
def test_who_cannot_be_reached_is_passed_over(fields: dict[str, object], why: Skip) -> None:
    chain = routing.chains([Step(person=_person(**fields))], EVENT, MONDAY)[0]
    assert [reason for _person, reason in chain.skipped] == [why]


def test_a_reserve_in_quiet_hours_does_not_stand_in() -> None:
    sleeper = _person(quiet_from=time(22), quiet_until=time(7))
    steps = [Step(way=GROUP), Step(person=sleeper, is_reserve=True)]
    late = Event(name="x", priority=3)
    assert routing.chains(steps, late, MONDAY.replace(hour=23))[0].ways == (GROUP,)
    assert routing.chains(steps, late, MONDAY)[0].ways == (GROUP, Way("wechat_api", "lin"))


def test_a_target_that_two_routes_name_gets_it_once_with_all_mentions() -> None:
    first = Chain(ways=(GROUP, MAIL), mentions=("lin",))
    second = Chain(ways=(Way("wechat_bot", "iqc"),), mentions=("wang", "lin"))
    assert routing.once_each([first, second, Chain(ways=(MAIL,))]) == [
        Chain(ways=(GROUP, MAIL), mentions=("lin", "wang")),
        Chain(ways=(MAIL,)),
    ]
