"""`manage.py fill_template TEMPLATE.docx DATA.json OUT.docx`: fill a Word template from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from contracts.docx import DocxError
from contracts.docx.__main__ import report
from contracts.docx.files import fill_file


class Command(BaseCommand):
    help = "用 JSON 数据填写 Word 模板：0 已写出；1 被拒绝，列出原因代码与全部缺少的字段；2 用法错误"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("template", type=Path, metavar="TEMPLATE.docx")
        parser.add_argument("data", type=Path, metavar="DATA.json", help="每个字段一个值；图片写文件名与宽度")
        parser.add_argument("out", type=Path, metavar="OUT.docx")
        parser.add_argument(
            "--mode",
            choices=["strict", "keep", "blank"],
            default="strict",
            help="缺少字段时：strict 拒绝，keep 保留占位符，blank 留空",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            fill_file(options["template"], options["data"], options["out"], options["mode"])
        except DocxError as error:
            raise CommandError("\n".join(report(error))) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=2) from error
        except ValueError as error:  # no JSON, no UTF-8
            raise CommandError(f"{options['data']}: {error}", returncode=2) from error
