"""Cards with buttons after they were sent: keep what can change them, and have them say what became of it.

Each code changes its card once and for three days. One comes with the answer to the send, another with
each click. They are rows: kept until there is something to say (`tell`, `answer`), then due, and used by
a job, as nothing here waits for the network in somebody's transaction. What a card says is told from the
rows of whoever sent it; an update that is lost leaves a button that answers when it is pressed again.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction
from django.db.models import F, Q, QuerySet

from notifications import channels, config, policy
from notifications.channels import wechat_api
from notifications.choices import ChannelCode, CodeState
from notifications.models import CardCode, Channel, Notification
from spc_site import clock, jobs
from spc_site.jobs import Budget
from wecom import cards as protocol
from wecom.errors import Action, Outcome, PayloadError

log = logging.getLogger("notifications.cards")

LIFE = timedelta(seconds=protocol.CODE_LIFE_S)
MOST_TRIES = 8
"""A passing failure is tried again so often; a way that is shut is waited for as long as the code lives."""

_BELL = "notifications.cards"
_SHUT_FOR = timedelta(minutes=10)
_KEPT_FOR = timedelta(days=30)
_BATCH = 20
_CHUNK = 500
_CODE_USED = 60140
_GOES_ON = frozenset({Action.RETRY, Action.UNCERTAIN})


# --- keeping codes ------------------------------------------------------------------------------------


def keep_sent(row: Notification, code: str, *, at: datetime) -> None:
    """Keep the code that came with the send of a card."""
    card = json.loads(row.payload)["template_card"]
    _keep(row.pk, str(card["task_id"]), str(card["button_list"][0]["key"]), code, at=at)


def keep_clicked(task_id: str, key: str, code: str, *, at: datetime) -> bool:
    """Keep the code that came with a click; False for a click that was heard before, or has none."""
    if not (task_id and key and code):
        return False
    known = CardCode.objects.filter(task_id=task_id, notification__isnull=False)
    return _keep(known.values_list("notification", flat=True).first(), task_id, key, code, at=at)


def _keep(notification: int | None, task_id: str, key: str, code: str, *, at: datetime) -> bool:
    fields = {"notification_id": notification, "task_id": task_id[:128], "key": key[:255], "code": code}
    _row, is_new = CardCode.objects.get_or_create(
        digest=CardCode.digest_of(code), defaults=fields | {"until": at + LIFE}
    )
    return is_new


# --- having cards say something -------------------------------------------------------------------------


def reachable(keys: Iterable[str], *, at: datetime) -> set[str]:
    """Return which of these buttons stand on cards that can still be changed; a query for 500 keys."""
    found: set[str] = set()
    for chunk in _chunks(keys):
        found.update(_usable(at).filter(key__in=chunk).values_list("key", flat=True))
    return found


def tell(notices: Mapping[str, str], *, at: datetime) -> int:
    """Have all cards with these buttons say something to all their readers; return how many will."""
    told = 0
    for chunk in _chunks(notices):
        codes = _usable(at).filter(key__in=chunk).order_by("task_id", "-pk").defer("code")
        for _task, several in groupby(codes, key=lambda code: code.task_id):
            told += any(_say(code, notices[code.key], at=at) for code in _best_first(list(several)))
    if told:
        jobs.enqueue(_BELL)
    return told


def answer(code: str, notice: str, *, at: datetime, user: str = "") -> bool:
    """Answer a click on its own card, with its own code; to `user` alone where it is nobody else's matter.

    False where the code is used already: the card says it, or is about to.
    """
    row = CardCode.objects.filter(digest=CardCode.digest_of(code), state=CodeState.KEPT).first()
    if row is None or not _say(row, notice, at=at, user=user):
        return False
    jobs.enqueue(_BELL)
    return True


def _chunks(keys: Iterable[str]) -> list[list[str]]:
    several = list(keys)
    return [several[start : start + _CHUNK] for start in range(0, len(several), _CHUNK)]


def _usable(at: datetime) -> QuerySet[CardCode]:
    """Codes that are kept, and those about to be used for all readers, whose words can still change."""
    is_waiting = Q(state=CodeState.DUE, user="", tries=0, lease_until=None)
    return CardCode.objects.filter(Q(state=CodeState.KEPT) | is_waiting, until__gt=at)


def _best_first(codes: list[CardCode]) -> list[CardCode]:
    return sorted(codes, key=lambda code: code.state != CodeState.DUE)


def _say(code: CardCode, notice: str, *, at: datetime, user: str = "") -> bool:
    """Make a code due unless somebody else has taken it; one that waits says the newer words."""
    free = CardCode.objects.filter(pk=code.pk, state=code.state, lease_until=None)
    said = {"notice": notice[:255], "user": user[:64], "said_at": at, "next_at": at}
    return bool(free.update(state=CodeState.DUE, **said))


# --- the job --------------------------------------------------------------------------------------------


def _due(at: datetime) -> QuerySet[CardCode]:
    is_free = Q(lease_until=None) | Q(lease_until__lte=at) | Q(lease_until__gt=at + policy.LONGEST_LEASE)
    return CardCode.objects.filter(is_free, state=CodeState.DUE, next_at__lte=at)


def has_due() -> bool:
    """Say whether a card waits for its words; one cheap query."""
    return _due(clock.now()).exists()


def update_due(*, budget_s: float = 20) -> int:
    """Change the cards that are due; return how many requests were made."""
    budget = Budget(budget_s)
    timeout_s = _timeout_s()
    tried = 0
    while budget and (waiting := list(_due(clock.now()).order_by("said_at", "pk")[:_BATCH])):
        for row in waiting:
            if not budget:
                break
            now = clock.now()
            mine = _due(now).filter(pk=row.pk)
            until = now + max(policy.LEASE, timedelta(seconds=3 * timeout_s))
            # The words may be newer than those that were read.
            if mine.update(lease_until=until):
                row.refresh_from_db()
                tried += _update(row, timeout_s)
    return tried


def _timeout_s() -> float:
    switch = Channel.objects.filter(code=ChannelCode.WECHAT_API).only("timeout_s").first()
    return switch.timeout_s if switch else 10


def _update(row: CardCode, timeout_s: float) -> int:
    """Change one card, and write down what came of it; return 1 if a request was made."""
    now = clock.now()
    if row.until <= now:
        _end(row, CodeState.DEAD, error="卡片更新凭证已超过 72 小时")
        return 0
    newer = CardCode.objects.filter(task_id=row.task_id, user="", state__in=[CodeState.DUE, CodeState.DONE])
    if newer.filter(said_at__gt=row.said_at).exists():
        _end(row, CodeState.SPARED)
        return 0
    try:
        app = wechat_api.application().client(timeout_s)
        users = (row.user,) if row.user else ()
        outcome = app.update_card(protocol.update(app.agent_id, row.code, row.notice, users=users))
    except channels.NotConfigured as missing:
        _again(row, now + _SHUT_FOR, str(missing))
        return 0
    except (PayloadError, ValueError) as error:
        _end(row, CodeState.DEAD, error=str(error))
        return 0
    _record(row, outcome, now)
    return 1


def _record(row: CardCode, outcome: Outcome, now: datetime) -> None:
    """Write down what an answer means, by the rules for every call (`wecom.errors`)."""
    words = outcome.explanation
    if outcome.action in (Action.NONE, Action.RECIPIENTS):
        _end(row, CodeState.DONE)
    elif outcome.errcode == _CODE_USED and row.is_unsure:
        _end(row, CodeState.DONE, error=words)  # nobody else has this code: it was our lost answer
    elif outcome.action in _GOES_ON and row.tries + 1 < MOST_TRIES:
        wait = policy.backoff(row.tries + 1, base_s=config.load()["retry_delay"] / 4, luck=random.random())  # noqa: S311
        unsure = row.is_unsure or outcome.action is Action.UNCERTAIN
        _again(row, now + wait, words, tries=row.tries + 1, is_unsure=unsure)
    elif outcome.action is Action.WAIT:
        _again(row, now + timedelta(seconds=max(outcome.retry_after_s or 0, 60)), words)
    elif outcome.action is Action.CHANNEL_DEAD:
        _again(row, now + _SHUT_FOR, words)
    else:
        _end(row, CodeState.DEAD, error=words)
        if outcome.errcode == _CODE_USED:
            _hand_over(row, now)


def _again(row: CardCode, at: datetime, error: str, **changed: object) -> None:
    log.info("the update of card %s is tried again at %s", row.task_id, at.isoformat())
    # Later than its code lives it is looked at once more, to be ended.
    CardCode.objects.filter(pk=row.pk, state=CodeState.DUE).update(
        next_at=min(at, row.until), lease_until=None, error=error[:255], **changed
    )


def _end(row: CardCode, state: CodeState, *, error: str = "") -> None:
    if state is CodeState.DEAD:
        log.warning("card %s keeps its button: %s", row.task_id, error)
    CardCode.objects.filter(pk=row.pk, state=CodeState.DUE).update(
        state=state, lease_until=None, ended_at=clock.now(), error=error[:255], tries=F("tries") + 1
    )


def _hand_over(row: CardCode, now: datetime) -> None:
    """Have another code of the card say what a dead one cannot."""
    with transaction.atomic():
        others = CardCode.objects.filter(task_id=row.task_id, state=CodeState.KEPT, until__gt=now)
        if (other := others.order_by("-pk").first()) is not None:
            _say(other, row.notice, at=row.said_at or now, user=row.user)


def forget_old() -> int:
    """Delete codes that have run out unused, and those whose story is old; return how many."""
    now = clock.now()
    is_over = Q(until__lte=now, state=CodeState.KEPT) | Q(until__lte=now - _KEPT_FOR)
    return CardCode.objects.filter(is_over).delete()[0]
