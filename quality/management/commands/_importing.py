"""What `import_iqc` and `import_oqc` share: arguments, progress, report. No decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from quality import hooked
from quality.importing.marking import marked_workbook
from quality.importing.wording import WORDING, Language
from quality.kinds import Kind
from quality.services import imports
from quality.services.imports import Change, ImportResult, Outcome, Planned
from spc_site.commands import FilesCommand, files_in
from spc_site.errors import AppError

SUFFIXES = (".xlsx", ".xlsm", ".xls")
SHOWN_CHANGES = 20


class ImportCommand(FilesCommand):
    """Import workbooks of one kind."""

    kind: Kind

    def origin(self, options: dict[str, Any]) -> str:
        """Return the origin that the files are imported with."""
        raise NotImplementedError

    def run(self, options: dict[str, Any]) -> None:
        language: Language = options["lang"]
        try:
            imports.profiles(self.kind, name=options["profile"])
        except AppError as error:
            raise CommandError(error.message, returncode=2) from error
        files = list(files_in(options["paths"], SUFFIXES))
        done: list[ImportResult] = []
        failed = 0
        for number, path in enumerate(files):
            self.progress(number, len(files), path.name)
            parsed = imports.parse_workbook(path, kind=self.kind, profile=options["profile"])
            self.clear_progress()
            if parsed.problems:
                failed += 1
                self.say_problems(path, parsed.problems, WORDING, language)
                if options["errors"]:
                    marked = marked_workbook(parsed, language)
                    self.write_marked(marked, options["errors"], failed)
                    hooked.fire_problems(path.name, marked, source=parsed.data)
                continue
            act = imports.preview if options["dry_run"] else imports.store
            result = act(parsed, kind=self.kind, origin=self.origin(options))
            done.append(result)
            for planned in result.reports:
                self._say_report(path, planned, is_dry_run=options["dry_run"])
        self._say_summary(done, failed, is_dry_run=options["dry_run"])
        self.refuse_if_any(failed)
        if not files:
            raise CommandError(_("没有找到 Excel 文件。"))

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


def _describe(change: Change) -> str:
    """Say one difference on one line: `外径 #3：10.01 → 10.02`."""
    if change.what in ("added", "removed"):
        return f"{'+' if change.what == 'added' else '-'} {change.item}"
    mark = f"#{change.what}" if change.what.isdigit() else change.what
    return f"{f'{change.item} {mark}'.strip()}：{change.old or '∅'} → {change.new or '∅'}"
