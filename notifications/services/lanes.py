"""What each way of sending (a channel with a target) can take now.

A *lane* is looked at without a lock, to plan by. Whether a message really gets a place is decided
in `delivery`, where the place is taken under a condition.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain

from notifications import channels, policy
from notifications.choices import Reason
from notifications.models import Budget, Channel
from notifications.services.composing import form_of

_DEFAULT_LIMIT = 20
GOOD_FOR_S = 1.0
_DEFAULT_TIMEOUT_S = 10


@dataclass(slots=True)
class Log:
    """The budget of one credential as it was last seen; `turn` changes whenever it is used."""

    name: str
    limit: int
    sends: list[policy.Entry] = field(default_factory=list)
    blocked_until: datetime | None = None
    is_dead: bool = False
    note: str = ""
    turn: int = 0
    is_kept: bool = False
    """Whether it has its row: a budget that was never used has none."""

    def see(self, row: Budget) -> None:
        """Take over what stands in the database."""
        self.is_kept = True
        self.sends, self.turn = list(row.sent_at), row.turn
        self.blocked_until, self.is_dead, self.note = row.blocked_until, row.is_dead, row.note

    def free(self, now: datetime) -> int:
        """Return how many messages may go now."""
        if self.is_dead or (self.blocked_until and self.blocked_until > now):
            return 0
        return policy.places(self.sends, self.limit, now.timestamp())

    def opens_at(self, now: datetime) -> datetime:
        """Return when the next message may go."""
        wake = policy.opens_at(self.sends, self.limit, now.timestamp())
        opens = min(datetime.fromtimestamp(min(wake, now.timestamp() + 3600), UTC), now + policy.RATE_WINDOW)
        return max(opens, self.blocked_until) if self.blocked_until else opens


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing can go until somebody mends something."""

    reason: Reason
    words: str


@dataclass(slots=True)
class Lane:
    """One channel with one target: its driver, its credentials and what they can take."""

    channel: str
    target: str
    driver: channels.Driver | None
    switch: Channel | None
    credentials: list[channels.Credential] = field(default_factory=list)
    logs: dict[str, Log] = field(default_factory=dict)
    missing: str = ""

    @property
    def timeout_s(self) -> float:
        return self.switch.timeout_s if self.switch else _DEFAULT_TIMEOUT_S

    @property
    def form(self) -> channels.Form:
        return form_of(self.switch)

    @property
    def obstacle(self) -> Obstacle | None:
        """Return what has to be mended before anything can go; None when it can."""
        if self.driver is None:
            return Obstacle(Reason.NO_DRIVER, f"渠道 {self.channel} 尚未接入")
        if self.switch is not None and not self.switch.is_enabled:
            return Obstacle(Reason.CHANNEL_DISABLED, f"渠道 {self.channel} 已停用")
        if self.missing:
            return Obstacle(Reason.NO_ROBOT, self.missing)
        if all(log.is_dead for log in self.logs.values()):
            notes = (log.note for log in self.logs.values() if log.note)
            return Obstacle(Reason.CHANNEL_DEAD, next(notes, "机器人已失效"))
        return None

    def free(self, now: datetime) -> int:
        """Return how many messages may go now, over all credentials."""
        return sum(log.free(now) for log in self.logs.values())

    def opens_at(self, now: datetime) -> datetime:
        """Return when the next place is free; a moment later than now, so that nobody spins."""
        live = [log.opens_at(now) for log in self.logs.values() if not log.is_dead]
        return max(min(live, default=now + policy.RATE_WINDOW), now + timedelta(milliseconds=50))

    def few(self, now: datetime) -> int | None:
        """Return how many may leave one by one; None where nothing is short."""
        sends, limit = self._together()
        return policy.few(sends, limit, now.timestamp())

    def calm_at(self, now: datetime, *, is_urgent: bool) -> datetime:
        """Return from when on a message that is not full need not be gathered."""
        sends, limit = self._together()
        calm = policy.calm_at(sends, limit, now.timestamp(), is_urgent=is_urgent)
        return now if calm <= now.timestamp() else datetime.fromtimestamp(calm, UTC)

    def _together(self) -> tuple[list[policy.Entry], int]:
        """Return the logs of all credentials that live as one, and their limits as one."""
        live = [log for log in self.logs.values() if not log.is_dead]
        return [entry for log in live for entry in log.sends], max(1, sum(log.limit for log in live))


class Lanes:
    """The lanes of one pass over the queue, each looked at once.

    What this process sends itself is noted in them; what others do is found when a place is taken.
    """

    def __init__(self) -> None:
        self._born = time.monotonic()
        self._switches = {channel.code: channel for channel in Channel.objects.all()}
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._logs: dict[str, Log] = {}

    def is_old(self) -> bool:
        """Say whether a switch or a setting may have changed without our knowing."""
        return time.monotonic() - self._born > GOOD_FOR_S

    def switch(self, channel: str) -> Channel | None:
        """Return the row of a channel."""
        return self._switches.get(channel)

    def of(self, channel: str, target: str) -> Lane:
        """Return one lane."""
        if (channel, target) not in self._lanes:
            self.look([(channel, target)])
        return self._lanes[channel, target]

    def look(self, ways: Iterable[tuple[str, str]]) -> None:
        """Look at lanes: a query for the credentials of each channel, and one for all budgets."""
        fresh: dict[str, list[str]] = defaultdict(list)
        for channel, target in dict.fromkeys(ways):
            if (channel, target) not in self._lanes:
                fresh[channel].append(target)
        unseen: list[str] = []
        logs = self._logs
        for lane in chain.from_iterable(map(self._opened, fresh, fresh.values())):
            self._lanes[lane.channel, lane.target] = lane
            for credential in lane.credentials:
                if credential.name not in logs:
                    limit = lane.switch.rate_limit if lane.switch else _DEFAULT_LIMIT
                    logs[credential.name] = Log(credential.name, limit)
                    unseen.append(credential.name)
                lane.logs[credential.name] = logs[credential.name]
        if unseen:
            for row in Budget.objects.filter(name__in=unseen):
                logs[row.name].see(row)

    def keep_logs(self, ways: Iterable[tuple[str, str]]) -> None:
        """Give the budgets that these ways are about to use their rows, all with one statement."""
        logs = [log for way in dict.fromkeys(ways) for log in [*self._lanes[way].logs.values()][:1]]
        new = [log for log in logs if not log.is_kept]
        if new:  # by name: who writes the same rows meanwhile meets us in the same order
            names = sorted({log.name for log in new})
            Budget.objects.bulk_create([Budget(name=name) for name in names], ignore_conflicts=True)
        for log in new:
            log.is_kept = True

    def _opened(self, channel: str, targets: list[str]) -> list[Lane]:
        driver, switch = channels.driver_for(channel), self._switches.get(channel)
        lanes = {target: Lane(channel, target, driver, switch) for target in targets}
        for target, found in driver.credentials_of(targets).items() if driver else ():
            if isinstance(found, channels.NotConfigured):
                lanes[target].missing = str(found) or "没有可用的凭据"
            else:
                lanes[target].credentials = list(found)
        return list(lanes.values())
