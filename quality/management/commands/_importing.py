"""What `import_iqc` and `import_oqc` share: arguments, progress, report. No decisions."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from quality.importing.marking import marked_workbook
from quality.importing.parsed import ParsedWorkbook
from quality.importing.wording import Language, line
from quality.kinds import Kind
from quality.services import imports
from quality.services.imports import Change, ImportResult, Outcome, Planned
from spc_site.errors import AppError

SUFFIXES = {".xlsx", ".xlsm", ".xls"}
SHOWN_PROBLEMS = 200
"""Problems printed per file; the marked workbook has all of them."""
SHOWN_CHANGES = 20
_DJANGO_LANGUAGE = {"zh": "zh-hans", "en": "en"}
_BAR = 24


def xlsx_path(text: str) -> Path:
    """Return a path to write a workbook to."""
    path = Path(text)
    if path.suffix.lower() != ".xlsx":
        raise ArgumentTypeError(f"{text}: .xlsx")
    return path


def workbooks(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files as given, and the workbooks in folders, in order, each once."""
    seen: set[Path] = set()
    for path in paths:
        found = (
            sorted(
                child
                for child in path.rglob("*")
                if child.suffix.lower() in SUFFIXES
                and not child.name.startswith(("~$", "."))  # lock files of Excel, hidden files
                and child.is_file()
            )
            if path.is_dir()
            else [path]
        )
        for one in found:
            if one.resolve() not in seen:
                seen.add(one.resolve())
                yield one


class ImportCommand(BaseCommand):
    """Import workbooks of one kind."""

    kind: Kind

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths", nargs="+", type=Path, metavar="PATH", help="Excel 文件或文件夹，可以多个"
        )
        parser.add_argument("--profile", metavar="NAME", help="只用这个版式识别")
        parser.add_argument("--dry-run", action="store_true", help="只说明会发生什么，不写入")
        parser.add_argument(
            "--errors", type=xlsx_path, metavar="OUT.xlsx", help="把有问题的文件标红后写到这里（.xlsx）"
        )
        parser.add_argument("--lang", choices=sorted(_DJANGO_LANGUAGE), default="zh", help="输出语言")

    def handle(self, *_args: Any, **options: Any) -> None:
        with translation.override(_DJANGO_LANGUAGE[options["lang"]]):
            self._import(options)

    def origin(self, options: dict[str, Any]) -> str:
        """Return the origin that the files are imported with."""
        raise NotImplementedError

    def _import(self, options: dict[str, Any]) -> None:
        language: Language = options["lang"]
        try:
            imports.profiles(self.kind, name=options["profile"])
        except AppError as error:
            raise CommandError(error.message, returncode=2) from error
        files = list(workbooks(options["paths"]))
        done: list[ImportResult] = []
        failed = 0
        for number, path in enumerate(files):
            self._progress(number, len(files), path.name)
            parsed = imports.parse_workbook(path, kind=self.kind, profile=options["profile"])
            self._clear_progress()
            if parsed.problems:
                failed += 1
                self._say_problems(path, parsed, language)
                if options["errors"]:
                    self._write_marked(parsed, options["errors"], failed, language)
                continue
            act = imports.preview if options["dry_run"] else imports.store
            result = act(parsed, kind=self.kind, origin=self.origin(options))
            done.append(result)
            for planned in result.reports:
                self._say_report(path, planned, is_dry_run=options["dry_run"])
        self._say_summary(done, failed, is_dry_run=options["dry_run"])
        if failed:
            raise CommandError(
                ngettext("%(count)d 个文件有问题，没有导入。", "%(count)d 个文件有问题，没有导入。", failed)
                % {"count": failed}
            )
        if not files:
            raise CommandError(_("没有找到 Excel 文件。"))

    def _say_problems(self, path: Path, parsed: ParsedWorkbook, language: Language) -> None:
        self.stderr.write(
            _("✗ %(file)s：%(count)d 处问题，没有导入") % {"file": path, "count": len(parsed.problems)}
        )
        for problem in parsed.problems[:SHOWN_PROBLEMS]:
            self.stderr.write(f"  {line(problem, language)}")
        if len(parsed.problems) > SHOWN_PROBLEMS:
            rest = len(parsed.problems) - SHOWN_PROBLEMS
            self.stderr.write("  " + _("……还有 %(count)d 处，见 --errors 写出的文件") % {"count": rest})

    def _write_marked(self, parsed: ParsedWorkbook, out: Path, number: int, language: Language) -> None:
        """Write the marked file; further ones get their number, none overwrites another."""
        path = out if number == 1 else out.with_stem(f"{out.stem}-{number}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(marked_workbook(parsed, language))
        except OSError as error:
            raise CommandError(
                _("无法写入 %(file)s：%(reason)s") % {"file": path, "reason": error.strerror}
            ) from error
        self.stderr.write("  " + _("已标出问题：%(file)s") % {"file": path})

    def _say_report(self, path: Path, planned: Planned, *, is_dry_run: bool) -> None:
        sentences = {
            (Outcome.NEW, False): _("新报告，%(entries)d 项"),
            (Outcome.NEW, True): _("将新建报告，%(entries)d 项"),
            (Outcome.REVISED, False): _("第 %(revision)d 修订，%(changes)d 处变化"),
            (Outcome.REVISED, True): _("将成为第 %(revision)d 修订，%(changes)d 处变化"),
            (Outcome.SAME, False): _("内容与现有报告相同，没有变化"),
            (Outcome.SAME, True): _("内容与现有报告相同，不会变化"),
            (Outcome.KNOWN, False): _("已导入过，没有变化"),
            (Outcome.KNOWN, True): _("已导入过，不会变化"),
        }
        report = planned.report
        what = sentences[planned.outcome, is_dry_run] % {
            "entries": len(report.entries),
            "revision": planned.revision,
            "changes": len(planned.changes),
        }
        identity = " ".join(
            text
            for text in (
                report[self.kind.party_field],
                report["part_number"],
                report["lot"],
                report["report_no"],
            )
            if text
        )
        self.stdout.write(f"✓ {path.name} [{report.sheet}] {identity}：{what}")
        if is_dry_run:
            for change in planned.changes[:SHOWN_CHANGES]:
                self.stdout.write(f"    {_describe(change)}")
            if len(planned.changes) > SHOWN_CHANGES:
                rest = len(planned.changes) - SHOWN_CHANGES
                self.stdout.write("    " + _("……还有 %(count)d 处变化") % {"count": rest})

    def _say_summary(self, done: list[ImportResult], failed: int, *, is_dry_run: bool) -> None:
        count = {outcome: sum(result.count(outcome) for result in done) for outcome in Outcome}
        text = (
            _("试运行，没有写入：新 %(new)d，修订 %(revised)d，未变 %(same)d；有问题的文件 %(failed)d 个")
            if is_dry_run
            else _("完成：新 %(new)d，修订 %(revised)d，未变 %(same)d；有问题的文件 %(failed)d 个")
        )
        self.stdout.write(
            text
            % {
                "new": count[Outcome.NEW],
                "revised": count[Outcome.REVISED],
                "same": count[Outcome.SAME] + count[Outcome.KNOWN],
                "failed": failed,
            }
        )

    def _progress(self, number: int, total: int, name: str) -> None:
        if self.stderr.isatty():
            filled = _BAR * number // total
            bar = "█" * filled + "░" * (_BAR - filled)
            self.stderr.write(f"\r\x1b[K{bar} {number}/{total} {name}", ending="")
            self.stderr.flush()

    def _clear_progress(self) -> None:
        if self.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="")
            self.stderr.flush()


def _describe(change: Change) -> str:
    """Say one difference on one line: `外径 #3：10.01 → 10.02`."""
    if change.what in ("added", "removed"):
        return f"{'+' if change.what == 'added' else '-'} {change.item}"
    mark = f"#{change.what}" if change.what.isdigit() else change.what
    return f"{f'{change.item} {mark}'.strip()}：{change.old or '∅'} → {change.new or '∅'}"
