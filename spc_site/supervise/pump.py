"""The pump: every second it looks what is due and sees to it that somebody does it.

It rings for the workers; where Redis is missing, a ring fails, a queue has no living worker, or
nobody answers the rings, it drains by itself. It needs no leader: several pumps beside each
other only ring more often, since the rows are claimed.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta

from spc_site import clock, jobs
from spc_site.models import WorkerBeat

logger = logging.getLogger(__name__)

TICK_S = 1.0
UNANSWERED_AFTER = timedelta(seconds=10)


class Drainer:
    """Answers bells of one queue in a thread of this process, one after the other.

    A thread per queue, so that a long judgement does not hold up the messages, and so that the
    pump itself stays awake.
    """

    def __init__(self, queue: str) -> None:
        self._wanted: dict[str, None] = {}
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"drain-{queue}", daemon=True)

    def ask(self, name: str) -> None:
        """Have a bell answered soon; asking again before that changes nothing."""
        with self._wake:
            self._wanted[name] = None
            if not self._thread.is_alive():
                self._thread.start()
            self._wake.notify()

    def finish(self, timeout_s: float) -> None:
        """Wait until the drain in hand has ended (`jobs.stop_requested` is set by now)."""
        with self._wake:
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not jobs.stop_requested.is_set():
            with self._wake:
                if not self._wanted:
                    self._wake.wait(TICK_S)
                    continue
                name = next(iter(self._wanted))
                del self._wanted[name]
            jobs.answer(name)


class Pump:
    """Looks, rings, and drains by itself where ringing is of no use."""

    def __init__(self) -> None:
        self._drainers = {queue: Drainer(queue) for queue in jobs.QUEUES}
        self._unanswered_since: dict[str, datetime] = {}
        self._inline: set[str] = set()

    def tick(self) -> list[str]:
        """Look once. Return the bells that were due."""
        names = jobs.due()
        if names:
            now = clock.now()
            answers = self._last_answers(now)
            for bell in jobs.doorbells():
                if bell.name in names:
                    self._see_to(bell, answers, now)
        return names

    def finish(self, timeout_s: float) -> None:
        """Let the drains of this process come to their end."""
        deadline = time.monotonic() + timeout_s
        for drainer in self._drainers.values():
            drainer.finish(max(deadline - time.monotonic(), 0.0))

    def _see_to(self, bell: jobs.Doorbell, answers: dict[str, datetime | None], now: datetime) -> None:
        """Ring if there is somebody to hear it; drain here if not, or if nobody did."""
        has_rung = bell.queue in answers and jobs.ring(bell.name)
        inline = not has_rung or self._is_deaf(bell.queue, answers[bell.queue], now)
        if inline:
            self._drainers[bell.queue].ask(bell.name)
        if inline != (bell.queue in self._inline):  # log the change, not every drain
            self._inline ^= {bell.queue}
            logger.info("%s: queue=%s", "draining inline" if inline else "workers answer", bell.queue)

    def _is_deaf(self, queue: str, answered_at: datetime | None, now: datetime) -> bool:
        """Tell whether living workers have left rings unanswered for too long."""
        since = self._unanswered_since.setdefault(queue, now)
        if answered_at is not None and answered_at > since:
            self._unanswered_since[queue] = now
            return False
        return now - since > UNANSWERED_AFTER

    @staticmethod
    def _last_answers(now: datetime) -> dict[str, datetime | None]:
        """Return, for each queue with living workers, when one of them answered last.

        A worker that is at it counts as answering now. One query.
        """
        answers: dict[str, datetime | None] = {}
        for beat in WorkerBeat.objects.workers().fresh(now=now):
            moments = (answers.get(beat.queue), beat.answered_at, now if beat.busy_since else None)
            answers[beat.queue] = max((moment for moment in moments if moment), default=None)
        return answers
