"""What commands that import files share: arguments, finding files, progress. No decisions."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from spc_site.lib.problems import Language, Problem, Wording

_DJANGO_LANGUAGE = {"zh": "zh-hans", "en": "en"}
_BAR = 24
SHOWN_PROBLEMS = 200
"""Problems printed per file; the marked workbook has all of them."""


def xlsx_path(text: str) -> Path:
    """Return a path to write a workbook to."""
    path = Path(text)
    if path.suffix.lower() != ".xlsx":
        raise ArgumentTypeError(f"{text}: .xlsx")
    return path


def files_in(paths: Iterable[Path], suffixes: Sequence[str]) -> Iterator[Path]:
    """Yield files as given, and those of folders that end so, in order, each once."""
    seen: set[Path] = set()
    for path in paths:
        found = (
            sorted(
                child
                for child in path.rglob("*")
                if child.suffix.lower() in suffixes
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


class FilesCommand(BaseCommand):
    """Import files: whole or not at all, each by itself."""

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
            self.run(options)

    def run(self, options: dict[str, Any]) -> None:
        """Do it, in the language that was asked for."""
        raise NotImplementedError

    def say_problems(
        self, path: Path, problems: Sequence[Problem], wording: Wording, language: Language
    ) -> None:
        """Print what is wrong with a file, each with its place."""
        self.stderr.write(
            _("✗ %(file)s：%(count)d 处问题，没有导入") % {"file": path, "count": len(problems)}
        )
        for problem in problems[:SHOWN_PROBLEMS]:
            self.stderr.write(f"  {wording.line(problem, language)}")
        if len(problems) > SHOWN_PROBLEMS:
            rest = len(problems) - SHOWN_PROBLEMS
            self.stderr.write("  " + _("……还有 %(count)d 处，见 --errors 写出的文件") % {"count": rest})

    def refuse_if_any(self, failed: int) -> None:
        """End with exit status 1 if files had problems."""
        if failed:
            raise CommandError(
                ngettext("%(count)d 个文件有问题，没有导入。", "%(count)d 个文件有问题，没有导入。", failed)
                % {"count": failed}
            )

    def write_marked(self, marked: bytes, out: Path, number: int) -> None:
        """Write a marked file; further ones get their number, none overwrites another."""
        path = out if number == 1 else out.with_stem(f"{out.stem}-{number}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(marked)
        except OSError as error:
            raise CommandError(
                _("无法写入 %(file)s：%(reason)s") % {"file": path, "reason": error.strerror}
            ) from error
        self.stderr.write("  " + _("已标出问题：%(file)s") % {"file": path})

    def progress(self, number: int, total: int, name: str) -> None:
        if self.stderr.isatty():
            filled = _BAR * number // total
            bar = "█" * filled + "░" * (_BAR - filled)
            self.stderr.write(f"\r\x1b[K{bar} {number}/{total} {name}", ending="")
            self.stderr.flush()

    def clear_progress(self) -> None:
        if self.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="")
            self.stderr.flush()
