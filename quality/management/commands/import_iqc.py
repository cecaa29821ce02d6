"""`manage.py import_iqc PATH… --origin supplier|self`: import incoming inspection reports."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from quality.choices import Origin
from quality.kinds import IQC
from quality.management.commands._importing import ImportCommand


class Command(ImportCommand):
    help = "导入 IQC（来料检验）报告"
    kind = IQC

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--origin",
            required=True,
            choices=["supplier", "self"],
            help="数据来源：supplier 供应商报告（异常会报警），self 自检（只判定）",
        )

    def origin(self, options: dict[str, Any]) -> str:
        return {"supplier": Origin.SUPPLIER, "self": Origin.SELF}[options["origin"]]
