"""A profile made ready for looking things up: label → field, title → column, title → sample."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from quality.importing.profiles import FieldRule, Profile
from spc_site.lib.sheets import CellValue
from spc_site.lib.text import label_key, label_keys, split_label, tidy

_CJK_ONLY = re.compile("[㐀-鿿]+")
_MAX_SAMPLE = 2000
"""More columns of samples than any report has; larger numbers in a title are something else."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label of the header: its field, how specific it is (0: most), what stands beside it.

    `value` follows a colon; `loose_value` only a blank, so it may be the rest of the label.
    """

    key: str
    rank: int
    value: str
    loose_value: str


class Layout:
    """The look-ups of one profile. Answers are cached: forms repeat few texts many times."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.fields: dict[str, FieldRule] = {rule.key: rule for rule in profile.fields}
        self._columns = _index((rule.key, rule.titles) for rule in profile.columns)
        self._field_labels: dict[str, tuple[str, int]] = {}
        for rule in profile.fields:
            for rank, label in enumerate(rule.labels):
                self._field_labels.setdefault(label_key(label), (rule.key, rank))
        self._ends = {label_key(label) for label in profile.ends}
        self._others = {label_key(label) for label in profile.other_labels}
        self._groups = {label_key(label) for label in profile.samples.groups}
        self._sample = re.compile(
            rf"(?:{_alternatives(profile.samples.prefixes)})?[\s.#:_-]*(\d{{1,4}})[\s#]*"
            rf"(?:{_alternatives(profile.samples.suffixes)})?"
        )
        self._column_cache: dict[str, str | None] = {}
        self._field_cache: dict[str, Label | None] = {}

    def column(self, text: str) -> str | None:
        """Return the key of the column that a text titles."""
        if text not in self._column_cache:
            self._column_cache[text] = next(
                (self._columns[key] for key in label_keys(text) if key in self._columns), None
            )
        return self._column_cache[text]

    def field(self, text: str) -> Label | None:
        """Return the field that a text labels, and what the same cell holds beside the label."""
        if text not in self._field_cache:
            self._field_cache[text] = self._find_field(text)
        return self._field_cache[text]

    def _find_field(self, text: str) -> Label | None:
        label, value = split_label(text)
        keys = label_keys(label)
        for key in keys:
            if found := self._field_labels.get(key):
                # `批号 L2401` has its value in the label's own cell without a colon; in
                # `批号 Lot` and `数量(pcs)` the rest belongs to the label.
                rest = label_key(label).replace(key, "", 1) if not value and _CJK_ONLY.fullmatch(key) else ""
                is_value = (
                    rest and rest not in self._field_labels and not label.rstrip().endswith((")", "）"))
                )
                loose = label[len(key) :].strip() if is_value and label.startswith(key) else ""
                return Label(*found, value=value, loose_value=loose)
        first, _, rest = tidy(label).partition(" ")
        if rest and not value and (found := self._field_labels.get(label_key(first))):
            return Label(*found, value=rest, loose_value="")
        return None

    def is_label(self, text: str) -> bool:
        """Say whether a text is a label of any kind, and so cannot be the value of another one."""
        label, value = split_label(text)
        if self.field(text) is not None or (not value and text.rstrip().endswith((":", "："))):
            return True
        return any(key in self._others or key in self._ends for key in label_keys(label))

    def begins_footer(self, text: str) -> bool:
        """Say whether a text, first of its row, begins what follows the table."""
        return any(key in self._ends for key in label_keys(split_label(text)[0]))

    def is_sample_group(self, text: str) -> bool:
        """Say whether a text is a heading over all samples."""
        return any(key in self._groups for key in label_keys(text))

    def sample_number(self, value: CellValue) -> int | None:
        """Return the number of the sample that a cell titles: `7`, `X7`, `样本7`, `No.7`, `7#`."""
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            return int(value) if 1 <= value <= _MAX_SAMPLE and value == int(value) else None
        if not isinstance(value, str):
            return None
        match = self._sample.fullmatch(unicodedata.normalize("NFKC", value).casefold().strip())
        number = int(match[1]) if match else 0
        return number if 1 <= number <= _MAX_SAMPLE else None


def _index(rules: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    """Map the key of every title to its column; where two claim one title, the first has it."""
    index: dict[str, str] = {}
    for key, titles in rules:
        for title in titles:
            if folded := label_key(title):
                index.setdefault(folded, key)
    return index


def _alternatives(words: tuple[str, ...]) -> str:
    folded = sorted((unicodedata.normalize("NFKC", word).casefold() for word in words), key=len, reverse=True)
    return "|".join(re.escape(word) for word in folded if word) or "(?!)"
