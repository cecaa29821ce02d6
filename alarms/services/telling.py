"""The one place where people are told of alarms, or are spared: grouping, silences, inhibition.

`sift` says which alarms people may be told of now; whoever words a message itself (quality) asks it
first and passes `Event.withheld` for the others, so that the delivery log shows them. `tell` does both
for the alarms that this room tells. What was withheld is told when nothing withholds it any more and
nobody has acknowledged it meanwhile (`tell_released`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.people import name_of
from alarms import matching
from alarms.cards import button_of
from alarms.models import SEVERITY_ORDER, Alarm, AlarmEvent, AlarmStatus, InhibitionRule, Severity, Silence
from notifications import monitoring, rendering
from notifications.choices import ChannelCode
from notifications.rendering import ByLanguage, Prepared
from notifications.routing import Chain, Event
from notifications.services import notify, who_would_get
from spc_site import clock
from wecom import markdown

if TYPE_CHECKING:
    from alarms.services.raising import Raised

EVERYBODY = "OPS"
"""The group that is told where neither the request nor the source names one."""

MOST_LINES = 20
"""Lines of a message about several alarms; the rest is counted."""

_CHUNK = 500
_PRIORITY = {Severity.CRITICAL: 1, Severity.WARNING: 2, Severity.INFO: 3}


# --- what withholds ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Withholding:
    """Why people are not told of an alarm: `silenced` or `inhibited`, and by what."""

    reason: str
    by: str


Matchers = tuple[matching.Matcher, ...]


class Hush:
    """Every silence and inhibition in force at a moment, read once.

    Costs one query for the silences, one for the rules, and one for open alarms where there are rules.
    """

    def __init__(self, at: datetime) -> None:
        self._silences = [
            (matching.parse(row.matchers), row)
            for row in Silence.objects.active(at).select_related("author").order_by("pk")
        ]
        self._rules = [
            (matching.parse(row.source_matchers), matching.parse(row.target_matchers), row)
            for row in InhibitionRule.objects.filter(is_active=True)
        ]
        self._causes = self._read_causes() if self._rules else []

    def _read_causes(self) -> list[tuple[InhibitionRule, Matchers, int, dict[str, str], str]]:
        found = []
        some = matching.any_may_match([matchers for matchers, _targets, _rule in self._rules])
        for alarm in Alarm.objects.open().filter(some).only(*matching.OWN, "labels", "title"):
            facts = matching.facts_of(alarm)
            for matchers, targets, rule in self._rules:
                if matching.matches(matchers, facts):
                    found.append((rule, targets, alarm.pk, facts, alarm.title))
        return found

    def of(self, alarm: Alarm) -> Withholding | None:
        """Return what keeps people from being told of an alarm now."""
        facts = matching.facts_of(alarm)
        for matchers, silence in self._silences:
            if matching.matches(matchers, facts):
                said = " · ".join(filter(None, [silence.who, silence.reason]))
                return Withholding("silenced", f"#{silence.pk} {said}"[:255])
        for rule, targets, pk, cause, title in self._causes:
            if (
                pk != alarm.pk
                and matching.matches(targets, facts)
                and all(facts.get(name) and facts[name] == cause.get(name) for name in rule.equal)
            ):
                return Withholding("inhibited", f"{rule.name}：{title}"[:255])
        return None

    @property
    def has_silences(self) -> bool:
        return bool(self._silences)


@dataclass(frozen=True, slots=True)
class Sifted:
    """Which alarms people may be told of now, and which not: pairs of alarm and why."""

    heard: tuple[Alarm, ...]
    withheld: tuple[tuple[Alarm, Withholding], ...]

    @property
    def withheld_keys(self) -> frozenset[str]:
        return frozenset(alarm.key for alarm, _why in self.withheld)


def sift(alarms: Sequence[Alarm], *, at: datetime | None = None, hush: Hush | None = None) -> Sifted:
    """Part alarms that people are about to be told of by what silences and inhibitions say.

    Both outcomes are written down: `told_at` of the heard ones, `withheld` with a line in the timeline
    of the others.
    """
    at = at or clock.now()
    if not alarms:
        return Sifted((), ())
    hush = hush or Hush(at)
    heard: list[Alarm] = []
    withheld: list[tuple[Alarm, Withholding]] = []
    for alarm in alarms:
        why = hush.of(alarm)
        if why is None:
            heard.append(alarm)
        else:
            withheld.append((alarm, why))
    for alarm in heard:
        alarm.told_at, alarm.withheld, alarm.withheld_by = at, "", ""
    for start in range(0, len(heard), _CHUNK):
        pks = [alarm.pk for alarm in heard[start : start + _CHUNK]]
        Alarm.objects.filter(pk__in=pks).update(told_at=at, withheld="", withheld_by="")
    withhold(withheld, at=at)
    return Sifted(tuple(heard), tuple(withheld))


def withhold(pairs: Iterable[tuple[Alarm, Withholding]], *, at: datetime) -> int:
    """Write down why people are not told of alarms, where that is news; return of how many it is."""
    news = []
    for alarm, why in pairs:
        if (alarm.withheld, alarm.withheld_by) != (why.reason, why.by):
            alarm.withheld, alarm.withheld_by = why.reason, why.by
            news.append(alarm)
    Alarm.objects.bulk_update(news, ["withheld", "withheld_by"], batch_size=_CHUNK)
    with override(settings.LANGUAGE_CODE):
        AlarmEvent.objects.bulk_create(
            [
                AlarmEvent(
                    alarm=alarm,
                    at=at,
                    kind=AlarmEvent.Kind.SILENCED,
                    note=f"{alarm.get_withheld_display()}：{alarm.withheld_by}",
                )
                for alarm in news
            ],
            batch_size=_CHUNK,
        )
    return len(news)


# --- telling ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why people are told: the event, the template for one alarm, the words before several."""

    name: str
    template: str
    headline: ByLanguage


def _words(chinese: str, english: str) -> ByLanguage:
    return ByLanguage({"zh-hans": chinese, "en": english})


RAISED = Occasion("alarms.raised", "alarm_raised", _words("新报警", "New alarms"))
WORSENED = Occasion("alarms.worsened", "alarm_worsened", _words("报警加重", "Alarms got worse"))
RESOLVED = Occasion("alarms.resolved", "alarm_resolved", _words("报警解除", "Alarms resolved"))
REMINDER = Occasion("alarms.reminder", "alarm_reminder", _words("报警未处理", "Alarms still open"))
ESCALATED = Occasion(
    "alarms.escalated", "alarm_escalated", _words("报警无人受理", "Alarms that nobody acknowledged")
)


def tell(raised: Iterable[Raised], *, at: datetime | None = None) -> list[str]:
    """Tell people of what was raised: new alarms and worse ones whose requests ask for it.

    Alarms of one `group_key` become one message, in the caller's transaction. What must not be told is
    kept as a message that was not sent, with its reason. Returns the message ids.
    """
    at = at or clock.now()
    fresh = [one for one in raised if one.alarm.is_told and (one.is_new or one.is_escalated)]
    if not fresh:
        return []
    worse = {one.alarm.pk for one in fresh if one.is_escalated}
    sifted = sift([one.alarm for one in fresh], at=at)
    ids: list[str] = []
    for occasion, is_meant in ((WORSENED, worse.__contains__), (RAISED, lambda pk: pk not in worse)):
        ids += _send_all([one for one in sifted.heard if is_meant(one.pk)], occasion, at=at)
        for (reason, by), some in _by_reason(one for one in sifted.withheld if is_meant(one[0].pk)):
            ids += _send_all(some, occasion, at=at, withheld=reason, withheld_by=by)
    return ids


def _by_reason(
    withheld: Iterable[tuple[Alarm, Withholding]],
) -> list[tuple[tuple[str, str], list[Alarm]]]:
    found: dict[tuple[str, str], list[Alarm]] = {}
    for alarm, why in withheld:
        found.setdefault((why.reason, why.by), []).append(alarm)
    return list(found.items())


def tell_resolved(alarms: Sequence[Alarm], *, note: str = "", at: datetime) -> list[str]:
    """Tell those who were told of alarms that these are over."""
    known = [alarm for alarm in alarms if alarm.is_told and alarm.told_at is not None]
    return _send_all(known, RESOLVED, at=at, note=note) if known else []


def tell_released(*, at: datetime | None = None) -> int:
    """Tell of the active alarms that nothing withholds any more; return how many.

    One that was acknowledged meanwhile is not told: somebody knows of it. For the others the waiting for
    somebody begins now.
    """
    at = at or clock.now()
    with transaction.atomic():
        waiting = list(
            Alarm.objects.select_for_update(of=("self",))
            .open()
            .exclude(withheld="")
            .select_related("owner__profile")
            .order_by("pk")
        )
        if not waiting:
            return 0
        hush = Hush(at)
        free = [alarm for alarm in waiting if hush.of(alarm) is None]
        known = [alarm.pk for alarm in free if alarm.status == AlarmStatus.ACKNOWLEDGED]
        Alarm.objects.filter(pk__in=known).update(withheld="", withheld_by="")
        active = [alarm for alarm in free if alarm.status == AlarmStatus.ACTIVE]
        if active:
            Alarm.objects.filter(pk__in=[alarm.pk for alarm in active]).update(active_since=at)
            for alarm in active:
                alarm.active_since = at
            sift(active, at=at, hush=hush)
            _send_all(active, RAISED, at=at)
            with override(settings.LANGUAGE_CODE):
                note = _("静默或抑制已结束，告知")
            AlarmEvent.objects.bulk_create(
                [AlarmEvent(alarm=alarm, at=at, kind=AlarmEvent.Kind.TOLD, note=note) for alarm in active]
            )
    return len(active)


Send = Callable[[Event], list[str]]


def _send_all(
    alarms: Sequence[Alarm], occasion: Occasion, *, at: datetime, withheld: str = "", **about: Any
) -> list[str]:
    """Write one message for each group of alarms."""

    def together(alarm: Alarm) -> tuple[str, str]:
        # Without a group key an alarm stands alone.
        return alarm.group, alarm.group_key or f"#{alarm.pk:020}"

    ids: list[str] = []
    for _key, some in groupby(sorted(alarms, key=together), key=together):
        ids += send(list(some), occasion, at=at, withheld=withheld, **about)
    return ids


def send(
    alarms: Sequence[Alarm],
    occasion: Occasion,
    *,
    at: datetime,
    withheld: str = "",
    withheld_by: str = "",
    note: str = "",
    more: Mapping[str, object] | None = None,
    by: Send = notify,
    tag: str = "",
) -> list[str]:
    """Write the one message that tells of some alarms; return its ids.

    `more` are further variables of the occasion's template; `by` sends the event in another way than
    by the routes. The same alarms are told once at a moment, on an occasion, for a `tag`.
    """
    with override(settings.LANGUAGE_CODE):
        event = event_of(alarms, occasion, at=at, note=note, more=more or {})
        if by is notify and alarms[0].source == "system":
            by = to_operators
        key = f"{occasion.name}:{tag}:{alarms[0].pk}+{len(alarms)}:{at.timestamp():.6f}"
        return by(replace(event, withheld=withheld, withheld_by=withheld_by, dedupe_key=key))


def to_operators(event: Event) -> list[str]:
    """Send an event about the system: by the routes, else by every way that can send now, and by mail.

    The ways are those of troubles with delivery (`notifications.monitoring`): a channel that is broken
    itself brings nothing.
    """
    planned = who_would_get(event, at=clock.now())
    if not planned.is_default:
        return notify(event)
    ways = monitoring.ways_around("", severity=event.severity)
    if settings.MAIL_SERVER:
        known = {way for some in ways for way in some}
        ways += [[way] for way in monitoring.keepers(ChannelCode.EMAIL) if way not in known]
    return notify(event, chains=[Chain(ways=tuple(some)) for some in ways])


def event_of(
    alarms: Sequence[Alarm], occasion: Occasion, *, at: datetime, note: str, more: Mapping[str, object]
) -> Event:
    """Return the event that tells of some alarms: in their own words where it is one, else a digest."""
    worst = max(alarms, key=lambda alarm: alarm.rank)
    first = alarms[0]
    if len(alarms) == 1:
        template = occasion.template
        values = {**variables_of(first, at=at, note=note), **more}
        if first.wording and occasion in (RAISED, WORSENED):
            template = str(first.wording["template"])
            own = ByLanguage
            values |= {
                name: own(
                    {code: rendering.from_json({name: kept}, language=code)[name] for code in _LANGUAGES}
                )
                for name, kept in first.wording["variables"].items()
            }
        link = first.get_absolute_url()
    else:
        template = "alarm_digest"
        link = f"/alarms/?group_key={first.group_key}" if _all_same(alarms, "group_key") else "/alarms/"
        values = {
            "headline": occasion.headline,
            "count": len(alarms),
            "severity": in_words(worst.severity),
            "items": Prepared(_lines(alarms)),
            "url": _public(link),
            **more,
        }
    owners = dict.fromkeys(userid for alarm in alarms if (userid := userid_of(alarm.owner)))
    return Event(
        name=occasion.name,
        source=first.source[:64],
        severity=worst.severity,
        supplier=_common_label(alarms, "supplier"),
        part=_common_label(alarms, "part"),
        group=first.group or EVERYBODY,
        template=template,
        variables=values,
        priority=_PRIORITY[Severity(worst.severity)],
        is_alarm=True,
        subject=first.subject if len(alarms) == 1 else "",
        link=link[:255],
        mentions=tuple(owners) if occasion is not RESOLVED else (),
        button=button_of(first) if len(alarms) == 1 and occasion is not RESOLVED else None,
    )


_LANGUAGES = tuple(code for code, _name in settings.LANGUAGES)


def variables_of(alarm: Alarm, *, at: datetime, note: str = "") -> dict[str, object]:
    """Return what every template about one alarm may use."""
    lines = [markdown.escape(line) for line in alarm.description.splitlines() if line.strip()]
    return {
        "title": alarm.title,
        "description": Prepared("\n".join(lines)),
        "severity": in_words(alarm.severity, alarm.level_label),
        "value": alarm.value,
        "threshold": alarm.threshold,
        "triggered_at": alarm.triggered_at,
        "resolved_at": alarm.resolved_at or at,
        "status": str(alarm.get_status_display()),
        "minutes": int((at - alarm.active_since).total_seconds() // 60),
        "person": name_of(alarm.owner),
        "note": note,
        "facts": ByLanguage({code: _facts(alarm, lines, code) for code in _LANGUAGES}),
        "url": _public(alarm.get_absolute_url()),
    }


def in_words(severity: str, level_label: str = "") -> ByLanguage:
    """Return a severity, with the word of its level, in each language."""
    found = {}
    for code in _LANGUAGES:
        with override(code):
            word = str(Severity(severity).label)
        found[code] = f"{word} · {level_label}" if level_label else word
    return ByLanguage(found)


def _facts(alarm: Alarm, lines: Sequence[str], language: str) -> Prepared:
    """Return the lines of what is known: figures and owner where there are any, then the description."""
    with override(language):
        known = []
        if alarm.value:
            limit = f"，{_('限值')} {alarm.threshold}" if alarm.threshold else ""
            known.append(f"> {_('当前值')}：{markdown.escape(alarm.value + limit)}")
        if alarm.owner:
            name = name_of(alarm.owner)
            known.append(f"> {_('负责人')}：{markdown.escape(name)}")
    return Prepared("\n".join([*known, *lines]))


def _lines(alarms: Sequence[Alarm]) -> str:
    """Return one line per alarm with its link, the worst first."""
    ordered = sorted(alarms, key=lambda alarm: (-SEVERITY_ORDER[Severity(alarm.severity)], -alarm.level))
    found = [
        f"- {markdown.escape(alarm.title)} [{url}]({url})"
        for alarm in ordered[:MOST_LINES]
        for url in (_public(alarm.get_absolute_url()),)
    ]
    if len(ordered) > MOST_LINES:
        found.append(f"- … +{len(ordered) - MOST_LINES}")
    return "\n".join(found)


def _public(path: str) -> str:
    return settings.FRONTEND_URL.rstrip("/") + path


def _all_same(alarms: Sequence[Alarm], name: str) -> bool:
    return len({getattr(alarm, name) for alarm in alarms}) == 1 and bool(getattr(alarms[0], name))


def _common_label(alarms: Sequence[Alarm], name: str) -> str:
    found = {str(alarm.labels.get(name, "")) for alarm in alarms}
    return found.pop() if len(found) == 1 else ""


def owners_called(alarms: Iterable[Alarm]) -> tuple[str, ...]:
    """Return the userids of those who own alarms, each once, for whoever words its own messages.

    One query, none where nobody owns any.
    """
    owners = list(dict.fromkeys(alarm.owner_id for alarm in alarms if alarm.owner_id))
    if not owners:
        return ()
    people = User.objects.select_related("profile").in_bulk(owners)
    return tuple(userid for owner in owners if (userid := userid_of(people.get(owner))))


def userid_of(user: User | None) -> str:
    """Return whom a message calls for a person; empty where there is no userid."""
    profile = getattr(user, "profile", None)
    return (profile.wecom_userid if profile else "") or ""
