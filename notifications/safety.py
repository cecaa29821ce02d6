"""What texts may say, pure: rules that mask, block or warn, and how people's addresses are shown.

A rule is compiled from a list of words or from a regular expression. Python's `re` can be made to
run for hours by a harmless-looking expression, and cannot be stopped; so an expression is admitted
only if the number of ways in which it can try to match is small (`check_regex`): every repeat has an
upper bound, and what may be tried in several ways may not multiply.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any, Protocol

from django.utils.translation import gettext as _

from notifications.choices import Checksum, RuleKind

DOT = "•"
"""Stands for a masked character. Not an asterisk: two of those are bold in Markdown."""

MOST_WORDS = 500
LONGEST_WORD = 60
LONGEST_REGEX = 500
MOST_REPEATS = 200
MOST_WAYS = 256
_TRIAL_LENGTH = 2_000
_TRIAL_LIMIT_S = 0.25

_FOLD = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Full-width letters and digits as their plain ones, one for one: １３８ is read as 138."""

_KEPT_WHOLE = re.compile(
    r"\]\([^()\s]*\)"  # the address of a link
    r"|https?://[^\s\])>]+"  # an address in the text
    r"|</?font[^<>]{0,80}>"  # a colour
    r"|<@[^<>\s]{1,64}>"  # a mention
)


# --- rules ----------------------------------------------------------------------------------


class RuleLike(Protocol):
    """What a rule says: the fields of `ContentRule`."""

    name: str
    kind: str
    is_regex: bool
    pattern: str
    checksum: str
    keep_start: int
    keep_end: int


class BadRule(ValueError):
    """A rule that cannot be used; the message says why and what to write."""


@dataclass(frozen=True, slots=True)
class Screened:
    """A text after the rules: what is left of it, and which rules found something."""

    title: str
    content: str
    masked: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    blocked: str = ""


def screen(title: str, content: str, rules: Iterable[RuleLike]) -> Screened:
    """Put title and content through the rules, masks first, so that no later rule sees them.

    Links, colours and mentions stay whole: only what a person wrote between them is looked at.
    The first blocking rule that finds something ends it. A rule that cannot be compiled any more
    is passed over: it was refused when it was saved.
    """
    masked: list[str] = []
    warned: list[str] = []
    blocked = ""
    order = {RuleKind.MASK: 0, RuleKind.WARN: 1, RuleKind.BLOCK: 2}
    for rule in sorted(rules, key=lambda one: order.get(one.kind, 3)):  # type: ignore[call-overload]
        try:
            pattern = compile_rule(pattern=rule.pattern, is_regex=rule.is_regex)
        except BadRule:
            continue
        if rule.kind == RuleKind.MASK:
            new_title, new_content = (_masked(text, pattern, rule) for text in (title, content))
            if (new_title, new_content) != (title, content):
                masked.append(rule.name)
                title, content = new_title, new_content
        elif any(_finds(text, pattern, rule) for text in (title, content)):
            if rule.kind == RuleKind.BLOCK:
                blocked = blocked or rule.name
            else:
                warned.append(rule.name)
    return Screened(title, content, tuple(masked), tuple(warned), blocked)


def mask_text(text: str, rules: Iterable[RuleLike]) -> str:
    """Return a text with what the masking rules find taken out."""
    return screen("", text, [rule for rule in rules if rule.kind == RuleKind.MASK]).content


def _free_spans(text: str) -> list[tuple[int, int]]:
    """Return where a person's own words stand: between links, colours and mentions."""
    edges = [0]
    for whole in _KEPT_WHOLE.finditer(text):
        edges += [whole.start(), whole.end()]
    edges.append(len(text))
    return [(start, end) for start, end in list(pairwise(edges))[::2] if start < end]


def _hits(text: str, pattern: re.Pattern[str], rule: RuleLike) -> list[re.Match[str]]:
    folded = text.translate(_FOLD)
    return [
        match
        for start, end in _free_spans(text)
        for match in pattern.finditer(folded[:end], start)
        if match.group() and _fulfils(match.group(), rule.checksum)
    ]


def _finds(text: str, pattern: re.Pattern[str], rule: RuleLike) -> bool:
    return bool(_hits(text, pattern, rule))


def _masked(text: str, pattern: re.Pattern[str], rule: RuleLike) -> str:
    """Mask what was found; of an expression with a group, the first group alone."""
    for match in reversed(_hits(text, pattern, rule)):
        start, end = match.span(1) if pattern.groups and match.group(1) else match.span()
        text = text[:start] + _dotted(text[start:end], rule.keep_start, rule.keep_end) + text[end:]
    return text


def _dotted(text: str, keep_start: int, keep_end: int) -> str:
    """Replace the middle of a text by dots; what is too short to keep anything is dots alone."""
    if keep_start + keep_end >= len(text):
        keep_start = keep_end = 0
    hidden = len(text) - keep_start - keep_end
    return text[:keep_start] + DOT * hidden + (text[-keep_end:] if keep_end else "")


# --- sums -----------------------------------------------------------------------------------


def _fulfils(text: str, checksum: str) -> bool:
    if checksum == Checksum.ID_CARD:
        return is_id_card(text)
    return is_luhn(text) if checksum == Checksum.LUHN else True


_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"


def is_id_card(text: str) -> bool:
    """Say whether 18 characters carry the check character of GB 11643-1999, clause 6."""
    text = text.upper()
    if not re.fullmatch(r"[0-9]{17}[0-9X]", text):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, text, strict=False))
    return _ID_CHECKS[total % 11] == text[17]


def is_luhn(text: str) -> bool:
    """Say whether the digits of a text end with the check digit of ISO/IEC 7812-1, annex B."""
    digits = [int(char) for char in text if char.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(digits) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


# --- compiling ------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def compile_rule(*, pattern: str, is_regex: bool) -> re.Pattern[str]:
    """Return what searches for a rule; raises BadRule."""
    if is_regex:
        check_regex(pattern)
        return re.compile(pattern, re.IGNORECASE)
    words = sorted({word.strip().translate(_FOLD) for word in pattern.splitlines() if word.strip()})
    if not words:
        raise BadRule(_("词表是空的：每行写一个词。"))
    if len(words) > MOST_WORDS:
        raise BadRule(
            _("词表最多 %(most)d 个词，现有 %(count)d 个。") % {"most": MOST_WORDS, "count": len(words)}
        )
    if too_long := [word for word in words if len(word) > LONGEST_WORD]:
        raise BadRule(
            _("每个词最多 %(most)d 个字：%(word)s…") % {"most": LONGEST_WORD, "word": too_long[0][:20]}
        )
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))), re.IGNORECASE)


def check_regex(pattern: str) -> None:
    """Raise BadRule for an expression that is none, or whose search could run away."""
    if len(pattern) > LONGEST_REGEX:
        raise BadRule(_("正则表达式最多 %(most)d 个字符。") % {"most": LONGEST_REGEX})
    try:
        tree = _parser.parse(pattern, re.IGNORECASE)
        compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadRule(_("不是正则表达式：%(error)s") % {"error": error}) from error
    _ways(tree)
    if compiled.match(""):
        raise BadRule(_("这个表达式连空文本都能匹配，会到处命中。"))
    _try_out(compiled, pattern)


_parser: Any = import_module("re._parser")
"""The standard library's own reader of expressions; its tree is what the engine runs."""

_SINGLE = frozenset({"LITERAL", "NOT_LITERAL", "IN", "ANY", "RANGE", "CATEGORY", "AT"})


def _ways(tree: Iterable[tuple[Any, Any]]) -> int:
    """Return in how many ways a sequence can be tried from one place; raises BadRule above the most.

    A sequence multiplies its parts, an alternative adds them, a repeat of 0 to n times tries each
    count. What is possessive or atomic is tried once, but its inside counts for itself.
    """
    total = 1
    for operation, argument in tree:
        total = _bounded(total * _ways_of(str(operation), argument))
    return total


def _bounded(ways: int) -> int:
    if ways <= MOST_WAYS:
        return ways
    raise BadRule(
        _(
            "这个表达式可能要试的方式太多（超过 %(most)d 种），遇到特别的文本会很慢。"
            "请在重复之后加 +（如 {1,64}+），使它不再回头。"
        )
        % {"most": MOST_WAYS}
    )


def _ways_of(operation: str, argument: Any) -> int:
    if operation in _SINGLE:
        return 1
    if operation == "BRANCH":
        return sum(_ways(branch) for branch in argument[1])
    if operation == "SUBPATTERN":
        return _ways(argument[3])
    if operation in {"ASSERT", "ASSERT_NOT"}:
        _ways(argument[1])
        return 1
    if operation == "ATOMIC_GROUP":
        _ways(argument)
        return 1
    if operation in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        low, high, body = argument
        if int(high) > MOST_REPEATS:
            raise BadRule(
                _("重复没有上限或超过 %(most)d 次：请把 +、*、{n,} 写成有上限的，如 {1,64}。")
                % {"most": MOST_REPEATS}
            )
        inside = _ways(body)
        if operation == "POSSESSIVE_REPEAT" and inside == 1:
            return 1
        tried = _bounded(sum(inside**count for count in range(int(low), int(high) + 1)))
        return 1 if operation == "POSSESSIVE_REPEAT" else tried
    raise BadRule(_("不支持这种写法（反向引用、条件）。"))


def _try_out(compiled: re.Pattern[str], pattern: str) -> None:
    """Search texts made to hurt: long runs of what the expression itself names."""
    letters = sorted(set(re.findall(r"[0-9A-Za-z]", pattern)))[:8]
    started = time.perf_counter()
    for piece in [*letters, "0", "a", "a0", "a.", " ", "中"]:
        compiled.search((piece * _TRIAL_LENGTH)[:_TRIAL_LENGTH] + "\n!")
        if time.perf_counter() - started > _TRIAL_LIMIT_S:
            raise BadRule(_("试用时太慢：请缩短重复的上限，或在重复之后加 +。"))


# --- people's addresses ---------------------------------------------------------------------

_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]{1,64}+)(@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,4}+)")
_PHONE = re.compile(r"(?<!\d)(\+?(?:86)?[ -]?)(1[3-9]\d)([ -]?)(\d{4})([ -]?)(\d{4})(?!\d)")


def mask_contacts(text: str) -> str:
    """Return a target or a line of a log with the phone numbers and e-mail addresses in it masked."""
    text = _EMAIL.sub(lambda match: f"{match[1][:1]}{DOT * 3}{match[2]}", text)
    return _PHONE.sub(lambda match: f"{match[1]}{match[2]}{DOT * 4}{match[6]}", text)


def describe(screened: Screened) -> Sequence[tuple[str, str]]:
    """Return what the rules did, as pairs of an event's kind and the rules' names."""
    found = (("masked", screened.masked), ("warned", screened.warned))
    return [(kind, "、".join(names)) for kind, names in found if names]
