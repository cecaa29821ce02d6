"""`manage.py import_energy PATH…`: import meter readings, or charging orders, from Excel and CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from energy.importing import charging as charging_files
from energy.importing.read import SUFFIXES
from energy.importing.wording import WORDING
from energy.services import charging, imports
from energy.services.imports import CheckedFile
from spc_site.commands import FilesCommand, files_in
from spc_site.errors import AppError
from spc_site.lib.marking import marked_workbook
from spc_site.lib.problems import Language


class Command(FilesCommand):
    help = "导入表计读数或充电订单（Excel、CSV）"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--charging", action="store_true", help="文件里是充电订单，不是读数")

    def run(self, options: dict[str, Any]) -> None:
        if options["charging"]:
            self._run_charging(options)
        else:
            self._run_readings(options)

    def _run_charging(self, options: dict[str, Any]) -> None:
        """Store the orders of each file that has no problems."""
        language: Language = options["lang"]
        files = list(files_in(options["paths"], SUFFIXES))
        failed = taken = 0
        for number, path in enumerate(files):
            self.progress(number, len(files), path.name)
            file = charging.check_file(path)
            self.clear_progress()
            if file.problems:
                failed += 1
                self.say_problems(path, file.problems, charging_files.WORDING, language)
                if options["errors"]:
                    marked = marked_workbook(file.data, file.problems, charging_files.WORDING, language)
                    self.write_marked(marked, options["errors"], failed)
                continue
            compared = file.compared if options["dry_run"] else charging.store_many(file.orders)
            taken += compared.changed
            self.stdout.write(
                _("✓ %(file)s：新增 %(new)d，完成 %(completed)d，相同 %(same)d")
                % {
                    "file": path.name,
                    "new": len(compared.begun),
                    "completed": len(compared.completed),
                    "same": compared.same,
                }
            )
        self.stdout.write(
            (
                _("试运行，没有写入：将写入 %(count)d 个订单；有问题的文件 %(failed)d 个")
                if options["dry_run"]
                else _("完成：写入 %(count)d 个订单；有问题的文件 %(failed)d 个")
            )
            % {"count": taken, "failed": failed}
        )
        self._end(files, failed)

    def _run_readings(self, options: dict[str, Any]) -> None:
        language: Language = options["lang"]
        try:
            imports.profile_for("", name=options["profile"])
        except AppError as error:
            raise CommandError(error.message, returncode=2) from error
        files = list(files_in(options["paths"], SUFFIXES))
        failed = taken = 0
        for number, path in enumerate(files):
            self.progress(number, len(files), path.name)
            file = imports.parse_file(path, profile=options["profile"])
            self.clear_progress()
            if not file.is_clean:
                failed += 1
                self.say_problems(path, file.problems, WORDING, language)
                if options["errors"]:
                    marked = marked_workbook(file.parsed.data, file.problems, WORDING, language)
                    self.write_marked(marked, options["errors"], failed)
            elif options["dry_run"]:
                taken += self._say_plan(path, file)
            else:
                taken += self._store(path, file)
        self.stdout.write(
            (
                _("试运行，没有写入：将写入 %(count)d 个读数；有问题的文件 %(failed)d 个")
                if options["dry_run"]
                else _("完成：写入 %(count)d 个读数；有问题的文件 %(failed)d 个")
            )
            % {"count": taken, "failed": failed}
        )
        self._end(files, failed)

    def _end(self, files: list[Path], failed: int) -> None:
        self.refuse_if_any(failed)
        if not files:
            raise CommandError(_("没有找到 Excel 或 CSV 文件。"))

    def _say_plan(self, path: Path, file: CheckedFile) -> int:
        planned = imports.preview(file)
        if planned.known is not None:
            self.stdout.write(_("✓ %(file)s：已导入过，不会变化") % {"file": path.name})
            return 0
        compared = planned.compared
        assert compared.first_at is not None
        assert compared.last_at is not None
        self.stdout.write(
            _(
                "✓ %(file)s：%(meters)d 块表，%(first)s 至 %(last)s，"
                "将新增 %(new)d，更正 %(changed)d，相同 %(same)d"
            )
            % {
                "file": path.name,
                "meters": compared.meters,
                "first": f"{timezone.localtime(compared.first_at):%Y-%m-%d %H:%M}",
                "last": f"{timezone.localtime(compared.last_at):%Y-%m-%d %H:%M}",
                "new": compared.new,
                "changed": compared.changed,
                "same": compared.same,
            }
        )
        return compared.new + compared.changed

    def _store(self, path: Path, file: CheckedFile) -> int:
        recorded = imports.store(file)
        batch = recorded.batch
        if recorded.is_repeated:
            self.stdout.write(_("✓ %(file)s：已导入过，没有变化") % {"file": path.name})
            return 0
        self.stdout.write(
            _("✓ %(file)s：新增 %(new)d，更正 %(changed)d，相同 %(same)d")
            % {
                "file": path.name,
                "new": batch.taken - batch.corrected,
                "changed": batch.corrected,
                "same": batch.unchanged,
            }
        )
        return batch.taken
