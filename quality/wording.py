"""The sentences that people read about a verdict: one place for page, message and alarm.

Reasons are stored as plain data by the judgement (`quality.services.judgement`); here they get
words. Nothing here queries: an entry is read by its own columns alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from django.utils.functional import Promise, lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quality import plans, spc
from quality.choices import STATUS_TONES, Distribution, Index, ReasonCode, Status
from quality.judgement import NOT_NORMAL
from quality.models.reports import ReportEntry

DASH = "—"
"""Stands where a number does not exist; never 0."""

SYMBOLS = {
    Status.PENDING: "○",
    Status.NORMAL: "●",
    Status.ABNORMAL: "▲",
    Status.ERROR: "◆",
}
"""The shape that says the same as the colour."""

_NAMED_POINTS = 6
"""So many points are named one by one; the rest is counted."""

_NAMED_SUBGROUPS = 3
"""So many values are named by subgroup and number; more by their number alone."""

_MOST_DIGITS = 6
"""Digits after the point beyond which a difference is not worth showing."""

CHART_PARTS: dict[str, Promise] = {
    "xbar": gettext_lazy("均值图"),
    "median": gettext_lazy("中位数图"),
    "r": gettext_lazy("极差图"),
    "s": gettext_lazy("标准差图"),
    "i": gettext_lazy("单值图"),
    "mr": gettext_lazy("移动极差图"),
}
_POINT_IS_ONE_VALUE = {"i", "mr"}

MISSING: dict[str, Promise] = {
    "no_values": gettext_lazy("没有测量值"),
    "one_value": gettext_lazy("只有一个值，算不出离散程度"),
    "zero_variance": gettext_lazy("所有值相同，没有离散"),
    "no_within_spread": gettext_lazy("没有含两个值的子组，算不出组内离散"),
    "no_lsl": gettext_lazy("没有规格下限"),
    "no_usl": gettext_lazy("没有规格上限"),
    "no_limits": gettext_lazy("没有规格限"),
    "one_sided": gettext_lazy("单侧规格无此指标"),
    "lower_bound": gettext_lazy("下限是物理边界，不是公差"),
    "upper_bound": gettext_lazy("上限是物理边界，不是公差"),
    "zero_tolerance": gettext_lazy("上下限相等，公差为零"),
    "no_target": gettext_lazy("没有目标值"),
    "target_outside": gettext_lazy("目标值不在规格限之间"),
    "no_baseline": gettext_lazy("没有可用来计算控制限的点"),
    "not_given": gettext_lazy("没有给出"),
    "no_degrees_of_freedom": gettext_lazy("自由度不足，没有置信区间"),
    "too_few_values": gettext_lazy("值太少"),
    "too_many_values": gettext_lazy("值太多"),
    "not_positive": gettext_lazy("有不大于零的值"),
    "no_fit": gettext_lazy("没有合适的分布"),
    "no_p_value": gettext_lazy("算不出 p 值"),
    "none_nonconforming": gettext_lazy("没有不合格品"),
    "all_nonconforming": gettext_lazy("全部不合格"),
    "singular": gettext_lazy("变量之间线性相关"),
    NOT_NORMAL: gettext_lazy("分布不是正态，没有组内指标"),
}


class EntryLike(Protocol):
    """What a sentence needs to know of an entry: some of its own columns."""

    name: str
    subgroup_size: int
    values: Any
    lsl: str
    usl: str
    status: str
    reasons: Any
    statistics: Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first thing that a page says.

    `word` is the judgement, `number` what decided it (may be empty), `sentences` the reasons in full.
    """

    status: str
    tone: str
    symbol: str
    word: str
    number: str
    sentences: tuple[str, ...]

    @property
    def headline(self) -> str:
        """Return judgement and deciding number in one line."""
        return f"{self.word} · {self.number}" if self.number else self.word


# --- numbers ------------------------------------------------------------------------------


def decimals_of(entry: EntryLike) -> int:
    """Return the digits after the point that the entry's values and limits are written with."""
    texts = [text for text in (entry.values or []) if text is not None] + [entry.lsl, entry.usl]
    return min(_MOST_DIGITS, max((_decimals(text) for text in texts), default=0))


def number_text(value: float | Decimal | str | None, decimals: int) -> str:
    """Write a number with so many digits after the point; a dash where there is none."""
    if value is None:
        return DASH
    text = f"{float(value):.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def distinct_texts(value: float, limit: float | str, decimals: int) -> tuple[str, str]:
    """Write two numbers with digits enough to tell them apart; a limit given as text stays so."""
    for digits in range(decimals, _MOST_DIGITS + 1):
        left, right = number_text(value, digits), number_text(limit, digits)
        if left != right:
            return left, limit if isinstance(limit, str) else right
    return repr(float(value)), repr(float(limit))


def _decimals(text: object) -> int:
    try:
        exponent = Decimal(str(text)).as_tuple().exponent
    except InvalidOperation:
        return 0
    return max(0, -exponent) if isinstance(exponent, int) else 0


# --- words --------------------------------------------------------------------------------


def rule_text(rule: spc.Rule) -> str:
    """Say what a control rule looks for, with the lengths and widths that are set."""
    words = {"length": rule.window, "count": rule.count, "width": f"{rule.width or 0:g}"}
    match rule.kind:
        case spc.Kind.BEYOND:
            return _("一点超出控制限") if rule.width is None else _("一点超出 %(width)sσ") % words
        case spc.Kind.RUN:
            return _("连续 %(length)s 点在中心线同一侧") % words
        case spc.Kind.TREND:
            return _("连续 %(length)s 点递增或递减") % words
        case spc.Kind.ALTERNATION:
            return _("连续 %(length)s 点上下交替") % words
        case spc.Kind.K_OF_N:
            return _("连续 %(length)s 点中有 %(count)s 点在同一侧 %(width)sσ 之外") % words
        case spc.Kind.WITHIN:
            return _("连续 %(length)s 点在 %(width)sσ 之内") % words
        case spc.Kind.OUTSIDE if rule.both_sides:
            return _("连续 %(length)s 点在两侧且都在 %(width)sσ 之外") % words
    return _("连续 %(length)s 点都在 %(width)sσ 之外") % words


_lazy_rule_text = lazy(rule_text, str)
RULES: dict[int, Any] = {int(rule.id): _lazy_rule_text(rule) for rule in spc.PRESETS["nelson"]}
"""The usual eight by number, for a choice."""


def missing_text(code: str) -> str:
    """Say why a result does not exist."""
    return str(MISSING.get(code, code))


def warning_text(warning: spc.QualityWarning, entry: EntryLike) -> str:
    """Say what about the data makes limits and indices mean little, with the numbers that show it."""
    known = warning.numbers
    words = {name: f"{number:.15g}" for name, number in known.items()}
    match warning.code:
        case spc.WarningCode.TOO_FEW_VALUES:
            return _("只有 %(n)s 个值（建议至少 %(least)s 个）：指标和控制限都很不确定") % words
        case spc.WarningCode.CONSTANT:
            words["value"] = number_text(known["value"], decimals_of(entry))
            return _("所有值都是 %(value)s：量具可能太粗，或没有逐件测量") % words
        case spc.WarningCode.FEW_DISTINCT_VALUES:
            return (
                _("只有 %(distinct)s 个不同的值（至少应有 %(least)s 个）：量具太粗，正态检验没有意义") % words
            )
        case spc.WarningCode.RESOLUTION_CHATTER:
            words["ucl"] = number_text(known["ucl"], decimals_of(entry) + 1)
            return (
                _(
                    "分辨力 %(step)s 对波动太粗：极差控制限 %(ucl)s 内只有 %(possible)s 个可能的极差"
                    "（至少应有 %(least)s 个），控制限不可靠"
                )
                % words
            )
    return _("组内各位置的均值有规律地不同（p < 0.001）：可能混有不同模穴或机台，组内标准差含位置差")


def index_text(index: str) -> str:
    """Return the short proper name of a capability index, as reports and engineers write it."""
    return _("Cpk（组内）") if index == Index.WITHIN else "CPK"


def distribution_text(distribution: str) -> str:
    """Return the name of a distribution for a sentence."""
    if distribution == Distribution.EMPIRICAL:
        return _("样本百分位数")
    return str(Distribution(distribution).label) if distribution in Distribution.values else distribution


def points_text(points: Sequence[int]) -> str:
    """Write 0-based points as people count them, ranges drawn together: `4、18、20–24`."""
    runs: list[tuple[int, int]] = []
    for point in sorted(points):
        if runs and point == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], point)
        else:
            runs.append((point, point))
    shown = _("、").join(_run(first + 1, last + 1) for first, last in runs[:_NAMED_POINTS])
    return shown if len(runs) <= _NAMED_POINTS else _("%(points)s 等") % {"points": shown}


def values_text(points: Sequence[int], entry: EntryLike) -> str:
    """Name values by their place: in subgroups by subgroup and number, if they are few."""
    size = (entry.statistics or {}).get("subgroup_size", entry.subgroup_size)
    if size > 1 and len(points) <= _NAMED_SUBGROUPS:
        places = ({"group": point // size + 1, "number": point % size + 1} for point in points)
        return _("、").join(_("第 %(group)s 组第 %(number)s 个值") % place for place in places)
    return _("第 %(points)s 个值") % {"points": points_text(points)}


def reason_text(reason: Mapping[str, Any], entry: EntryLike) -> str:
    """Say one stored reason in one sentence, with the numbers that decide."""
    sentence = _SENTENCES.get(reason.get("code", ""))
    return sentence(reason, entry) if sentence else str(reason.get("code", ""))


def reason_short(reason: Mapping[str, Any], entry: EntryLike) -> str:
    """Say one stored reason in the few words of a headline, a badge or a list."""
    match reason.get("code"):
        case ReasonCode.OUT_OF_SPEC:
            return _out_of_spec_short(reason, entry)
        case ReasonCode.NOT_GOOD:
            return _("%(bad)s/%(all)s 件 NG") % _counts(reason, entry)
        case ReasonCode.CAPABILITY:
            return "{} {} < {}".format(index_text(reason["index"]), *_capability_pair(reason))
        case ReasonCode.CONTROL_RULE:
            return _("规则 %(rule)s：%(where)s") % {"rule": reason["rule"], "where": _where(reason)}
        case ReasonCode.NO_VALUES:
            return _("没有测量值")
        case ReasonCode.FAULT:
            return _("判定程序出错")
    return str(reason.get("code", ""))


def verdict(entry: EntryLike, *, cpk_limit: Decimal | None = None) -> Verdict:
    """Say how the entry was judged, the deciding numbers first.

    `cpk_limit` is shown beside a good CPK where the caller knows it.
    """
    reasons = sorted(entry.reasons or [], key=lambda reason: _ORDER.get(reason.get("code", ""), 9))
    status = Status(entry.status)
    word = str(status.label)
    if status == Status.ABNORMAL and reasons:
        word = _word(reasons)
        number = " · ".join(_headline_numbers(reasons, entry))
    elif status == Status.ERROR and reasons:
        number = reason_short(reasons[0], entry)
    elif status == Status.NORMAL:
        number = _good_number(entry, cpk_limit)
    else:
        number = ""
    return Verdict(
        status=status.value,
        tone=STATUS_TONES[status],
        symbol=SYMBOLS[status],
        word=word,
        number=number,
        sentences=tuple(reason_text(reason, entry) for reason in reasons),
    )


# --- one sentence per kind of reason --------------------------------------------------------


def _out_of_spec(reason: Mapping[str, Any], entry: EntryLike) -> str:
    values = {
        "points": values_text(reason["points"], entry),
        "values": _listed(reason["values"]),
        "limit": _limit_of(reason),
    }
    match reason.get("side"):
        case "upper":
            return _("%(points)s超出规格上限 %(limit)s：%(values)s") % values
        case "lower":
            return _("%(points)s低于规格下限 %(limit)s：%(values)s") % values
    return _("%(points)s超出规格 %(limit)s：%(values)s") % values


def _not_good(reason: Mapping[str, Any], entry: EntryLike) -> str:
    return _("第 %(points)s 件判为 NG（共 %(all)s 件）") % {
        "points": points_text(reason["points"]),
        "all": _counts(reason, entry)["all"],
    }


def _capability(reason: Mapping[str, Any], entry: EntryLike) -> str:
    value, limit = _capability_pair(reason)
    words = {"value": value, "limit": limit}
    if distribution := reason.get("distribution"):
        words["distribution"] = distribution_text(distribution)
        return _("CPK（%(distribution)s，百分位法）%(value)s 低于下限 %(limit)s") % words
    if reason["index"] == Index.WITHIN:
        return _("Cpk（组内标准差）%(value)s 低于下限 %(limit)s") % words
    return _("CPK（全部标准差，报告口径）%(value)s 低于下限 %(limit)s") % words


def _control_rule(reason: Mapping[str, Any], entry: EntryLike) -> str:
    rule = _rule(str(reason["rule"]), entry)
    words = {"rule": reason["rule"], "meaning": rule_text(rule) if rule else "", "where": _where(reason)}
    values, limit = reason.get("values") or [], reason.get("limit")
    if rule is None:
        return _("规则 %(rule)s：%(where)s") % words
    if rule.kind != spc.Kind.BEYOND or limit is None or not values:
        return _("规则 %(rule)s（%(meaning)s）：%(where)s") % words
    is_upper = reason.get("side") != "lower"
    extreme = (max if is_upper else min)(float(value) for value in values)
    value_text, limit_text = distinct_texts(extreme, float(limit), decimals_of(entry) + 1)
    words |= {
        "value": value_text,
        "sign": ">" if is_upper else "<",
        "name": "UCL" if is_upper else "LCL",
        "limit": limit_text,
    }
    return _("规则 %(rule)s（%(meaning)s）：%(where)s %(value)s %(sign)s %(name)s %(limit)s") % words


def _rule(rule_id: str, entry: EntryLike) -> spc.Rule | None:
    """Return the rule as the characteristic has it set, where that is loaded; else the usual one."""
    rules = [*spc.PRESETS["nelson"], *spc.PRESETS["western_electric"]]
    if isinstance(entry, ReportEntry) and "characteristic" in entry._state.fields_cache:
        rules = [*plans.rules_of(entry.characteristic), *rules]
    return next((rule for rule in rules if rule.id == rule_id), None)


def _no_values(reason: Mapping[str, Any], entry: EntryLike) -> str:
    return _("没有测量值，无法判定")


def _fault(reason: Mapping[str, Any], entry: EntryLike) -> str:
    return _("判定出错：%(detail)s") % {"detail": reason.get("detail", "")}


_SENTENCES = {
    ReasonCode.OUT_OF_SPEC: _out_of_spec,
    ReasonCode.NOT_GOOD: _not_good,
    ReasonCode.CAPABILITY: _capability,
    ReasonCode.CONTROL_RULE: _control_rule,
    ReasonCode.NO_VALUES: _no_values,
    ReasonCode.FAULT: _fault,
}
_ORDER = {code: place for place, code in enumerate(_SENTENCES)}


# --- parts of sentences ---------------------------------------------------------------------


def _word(reasons: Iterable[Mapping[str, Any]]) -> str:
    codes = {reason.get("code") for reason in reasons}
    if codes & {ReasonCode.OUT_OF_SPEC}:
        return _("超差")
    if codes & {ReasonCode.NOT_GOOD}:
        return _("不合格")
    if codes & {ReasonCode.CONTROL_RULE}:
        return _("失控")
    if codes & {ReasonCode.CAPABILITY}:
        return _("能力不足")
    return str(Status.ABNORMAL.label)


def _headline_numbers(reasons: Sequence[Mapping[str, Any]], entry: EntryLike) -> list[str]:
    """Return at most two short reasons; a rule is named only where nothing harder speaks."""
    hard = [reason for reason in reasons if reason.get("code") != ReasonCode.CONTROL_RULE]
    return [reason_short(reason, entry) for reason in (hard or reasons)[:2]]


def _good_number(entry: EntryLike, cpk_limit: Decimal | None) -> str:
    statistics = entry.statistics or {}
    if (ppk := statistics.get("ppk")) is not None:
        text = f"CPK {number_text(ppk, 2)}"
        return f"{text} ≥ {cpk_limit}" if cpk_limit is not None and ppk >= float(cpk_limit) else text
    values = [value for value in entry.values or [] if value is not None]
    if values and all(value == "OK" for value in values):
        return _("%(count)s 件全部 OK") % {"count": len(values)}
    return _("%(count)s 个值都在规格内") % {"count": len(values)} if values else ""


def _out_of_spec_short(reason: Mapping[str, Any], entry: EntryLike) -> str:
    values, limit = reason["values"], _limit_of(reason)
    sign = {"upper": ">", "lower": "<"}.get(reason.get("side", ""), "")
    if len(values) == 1:
        return f"{values[0]} {sign} {limit}" if sign else str(values[0])
    words = {**_counts(reason, entry), "sign": sign, "limit": limit}
    if sign:
        return _("%(bad)s/%(all)s 个值 %(sign)s %(limit)s") % words
    return _("%(bad)s/%(all)s 个值超出 %(limit)s") % words


def _limit_of(reason: Mapping[str, Any]) -> str:
    """Return the limit that was passed, or both as `9.95…10.05`."""
    limits = [limit for limit in reason.get("limits") or [] if limit not in (None, "")]
    if reason.get("side") in ("upper", "lower") and reason.get("limit") not in (None, ""):
        return str(reason["limit"])
    return "…".join(str(limit) for limit in limits)


def _capability_pair(reason: Mapping[str, Any]) -> tuple[str, str]:
    return distinct_texts(float(reason["value"]), str(reason["limit"]), 2)


def _counts(reason: Mapping[str, Any], entry: EntryLike) -> dict[str, int]:
    return {
        "bad": len(reason["points"]),
        "all": sum(value is not None for value in entry.values or []),
    }


def _where(reason: Mapping[str, Any]) -> str:
    chart = str(reason.get("chart", "")).lower()
    words = {"chart": CHART_PARTS.get(chart, chart), "points": points_text(reason["points"])}
    if chart in _POINT_IS_ONE_VALUE:
        return _("%(chart)s第 %(points)s 点") % words
    return _("%(chart)s第 %(points)s 组") % words


def _run(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return _("、").join((str(first), str(last))) if last == first + 1 else f"{first}–{last}"


def _listed(values: Sequence[str]) -> str:
    shown = _("、").join(str(value) for value in values[:_NAMED_POINTS])
    return shown if len(values) <= _NAMED_POINTS else _("%(points)s 等") % {"points": shown}
