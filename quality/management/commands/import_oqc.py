"""`manage.py import_oqc PATH…`: import outgoing inspection reports."""

from __future__ import annotations

from typing import Any

from quality.choices import Origin
from quality.kinds import OQC
from quality.management.commands._importing import ImportCommand


class Command(ImportCommand):
    help = "导入 OQC（出货检验）报告"
    kind = OQC

    def origin(self, options: dict[str, Any]) -> str:
        return Origin.SELF
