"""Drills for the tests of the fault matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import services
from tests.faults.drill import Drill, Nursery
from tests.live import child_environment


@pytest.fixture(scope="session")
def nursery(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """The system, loaded once, that forks into processes on the test database."""
    nursery = Nursery(child_environment(), log=tmp_path_factory.mktemp("nursery") / "log")
    yield nursery
    nursery.stop()


@pytest.fixture
def drill(db: None, tmp_path: Path) -> Iterator[Drill]:
    """A drill in this process: one group with one robot, twenty a minute."""
    with Drill(tmp_path / "drill") as drill:
        yield drill
    assert not drill.judge.complaints


@pytest.fixture
def wide_drill(db: None, tmp_path: Path) -> Iterator[Drill]:
    """A drill in this process with so many groups that no message waits for another."""
    with Drill(tmp_path / "drill", groups=20) as drill:
        yield drill
    assert not drill.judge.complaints


@pytest.fixture
def fire(transactional_db: None, nursery: Nursery, tmp_path: Path) -> Iterator[Callable[..., Drill]]:
    """Make a drill with real processes, watched from a thread: `fire(redis=…, groups=…)`."""
    made: list[tuple[Drill, Any]] = []

    def make(*, redis: services.Redis | None = None, **options: Any) -> Drill:
        drill = Drill(tmp_path / "drill", nursery=nursery, redis=redis, **options)
        drill.__enter__()
        watch = drill.judge.watching()
        watch.__enter__()
        made.append((drill, watch))
        return drill

    yield make
    for drill, watch in made:
        watch.__exit__(None, None, None)
        drill.__exit__(None, None, None)
        print(drill.log.read_text(encoding="utf-8")[-6000:] if drill.log.exists() else "")
        assert not drill.judge.complaints
        assert drill.judge.looks
