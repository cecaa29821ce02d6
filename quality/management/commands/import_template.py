"""`manage.py import_template iqc|oqc OUT.xlsx`: write an empty form to fill in."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quality.importing.template import template
from spc_site.commands import xlsx_path


class Command(BaseCommand):
    help = "生成空白的检验报告表格（.xlsx），填写后可直接导入"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=["iqc", "oqc"], help="来料或出货")
        parser.add_argument("out", type=xlsx_path, metavar="OUT.xlsx", help="写到哪里")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            template(options["kind"].upper()).save(options["out"])
        except OSError as error:
            raise CommandError(f"{options['out']}: {error.strerror}") from error
        self.stdout.write(f"{options['out']}")
