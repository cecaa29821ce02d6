"""What reading a workbook yields: reports, and everything that is wrong, by cell."""

from __future__ import annotations

from dataclasses import dataclass, field

from spc_site.lib.problems import Problem


@dataclass(slots=True)
class ParsedEntry:
    """One row of a report, every number as decimal text.

    `values` holds decimal texts, or `OK` and `NG`; None where a sample is blank. `marks` tells
    what was written instead of a value (`N/A`), by number of the sample.
    """

    position: int
    row: int
    name: str
    item_no: str = ""
    spec: str = ""
    nominal: str = ""
    lsl: str = ""
    usl: str = ""
    unit: str = ""
    gauge: str = ""
    grade: str = ""
    is_special: bool = False
    occurrence: int = 1
    decimals: int | None = None
    values: list[str | None] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(slots=True)
class ParsedReport:
    """One report of a workbook; `block` numbers them in the file from 0.

    `fields` holds the header by the keys of `meanings.FIELDS`, cleaned; absent ones are blank.
    """

    block: int
    sheet: str
    fields: dict[str, str]
    entries: list[ParsedEntry]

    def __getitem__(self, key: str) -> str:
        return self.fields.get(key, "")


@dataclass(slots=True)
class ParsedWorkbook:
    """A workbook as read for one kind. It may be stored if, and only if, it has no problems.

    `data` is the file itself: it is kept, or handed back with the problems marked.
    """

    kind: str
    file_name: str
    content_hash: str
    profile: str = ""
    reports: list[ParsedReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped_sheets: list[str] = field(default_factory=list)
    data: bytes = field(default=b"", repr=False)

    @property
    def is_clean(self) -> bool:
        return not self.problems

    @property
    def entry_count(self) -> int:
        return sum(len(report.entries) for report in self.reports)


__all__ = ["ParsedEntry", "ParsedReport", "ParsedWorkbook", "Problem"]
