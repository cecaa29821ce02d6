"""Recompute the published SPC cases with the installed version."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as AnyDatabaseError
from django.utils.translation import gettext as _

from quality.services.verification import record_verification
from quality.spc.verify import Run, load_cases, verify
from quality.verification import FORMATS, labels, written_as


class Command(BaseCommand):
    """Print the table; exit with 1 when a number differs, 2 when the arguments make no sense.

    A run over all cases is kept and shown in the admin.
    """

    help = "用已安装的版本重新计算公开发表的 SPC 案例，逐项列出标准值、计算值与差异；有不一致时退出码为 1"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=list(FORMATS), default="text")
        parser.add_argument("--output", type=Path)
        parser.add_argument("--case", action="append", choices=[case.name for case in load_cases()])

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, write, and tell by the exit status."""
        output: Path | None = options["output"]
        if options["format"] == "xlsx" and output is None:
            raise CommandError(_("xlsx 格式需要 --output 指定文件"), returncode=2)
        run = verify(options["case"])
        if options["case"] is None:
            self._record(run)
        written = written_as(run, options["format"])
        if output is None:
            self.stdout.write(written.decode("utf-8"), ending="")
        else:
            try:
                output.write_bytes(written)
            except OSError as error:
                raise CommandError(f"{output}: {error.strerror}") from error
            self.stderr.write(labels().summary_of(run))
        if not run.passed:
            sys.exit(1)

    def _record(self, run: Run) -> None:
        """Keep the run for the page in the admin; the verification itself needs no database."""
        try:
            record_verification(run)
        except AnyDatabaseError as error:
            self.stderr.write(_("结果未能存入数据库：%(error)s") % {"error": error})
