"""For the tests of a customer's package: call a hook as the system would, with a recorded payload.

With pytest: `call(Hooks, "on_alarm_created", severity="critical")`. With unittest: a
`HooksTestCase` that names the class, which also tests that the system will accept it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from unittest import SkipTest

from django.test import TestCase

from hooks.base import CustomerHooks
from hooks.loader import arguments_for, overridden, problems_of
from hooks.points import POINTS, Event, frozen, prepare
from hooks.samples import sample
from hooks.services import figures

__all__ = ["HooksTestCase", "assert_sound", "call", "sample"]

MOMENT = datetime(2026, 11, 24, 1, 45, tzinfo=UTC)


def assert_sound(hooks: type[CustomerHooks]) -> None:
    """Fail with everything that would keep the system from using these hooks."""
    problems = [problem.message for problem in problems_of(hooks)]
    assert not problems, "\n".join(problems)


def call(
    hooks: type[CustomerHooks],
    point: str,
    *,
    event_id: str = "test",
    attempt: int = 1,
    is_dry_run: bool = False,
    **changes: Any,
) -> Any:
    """Call one hook in this process, with the recorded payload and `changes` to it.

    What it raises comes through. Figures (`calculate_custom_kpis`) are checked as the system
    checks them: what comes back is the list of `Figure`. LookupError for an unknown point,
    AssertionError where the class does not override it or is not sound.
    """
    assert_sound(hooks)
    payload = frozen(prepare(point, {**sample(point), **changes}))
    assert point in set(overridden(hooks)), f"{hooks.__name__} does not override {point}"
    event = Event(
        id=event_id,
        point=point,
        schema=POINTS[point].schema,
        occurred_at=MOMENT,
        attempt=attempt,
        is_dry_run=is_dry_run,
        payload=payload,
    )
    method = getattr(hooks(), point)
    value = method(**arguments_for(method, {**payload, "event": event, "event_id": event_id}))
    return figures.checked(value) if point == figures.POINT else value


class HooksTestCase(TestCase):
    """Tests of one customer's hooks: set `hooks` to the class.

    Where it is imported by its name, test runners find it beside its subclasses: it is no test itself.
    """

    __test__ = False
    hooks: ClassVar[type[CustomerHooks]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__test__ = True

    @classmethod
    def setUpClass(cls) -> None:
        if cls is HooksTestCase:
            raise SkipTest("the base of a customer's tests")
        super().setUpClass()

    def call(self, point: str, **changes: Any) -> Any:
        """Call one hook with the recorded payload; see `call`."""
        return call(self.hooks, point, **changes)

    def test_the_system_accepts_these_hooks(self) -> None:
        assert_sound(self.hooks)
