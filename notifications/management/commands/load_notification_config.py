"""`manage.py load_notification_config FILE.yaml [--dry-run]`: channels, retry and templates from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.acting import Door, acting
from notifications import yamlform
from notifications.services import yamlfile

_SHOWN = 60


class Command(BaseCommand):
    help = "从 YAML 文件载入通知配置：渠道、重试、模板；有错时逐行说明，什么都不改"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, metavar="FILE.yaml", help="配置文件，见 examples/notification.yaml"
        )
        parser.add_argument("--dry-run", action="store_true", help="只说明会改什么，不写入")

    def handle(self, *_args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open("rb") as file:
                data = file.read(yamlform.LARGEST + 1)
        except OSError as error:
            raise CommandError(
                _("打不开 %(file)s：%(why)s") % {"file": path, "why": error.strerror}, returncode=2
            ) from error
        try:
            with acting(Door.COMMAND):
                changes = yamlfile.load(data, name=path.name, is_dry_run=options["dry_run"])
        except yamlform.BadForm as bad:
            for problem in bad.problems:
                self.stderr.write(f"{path}:{problem.line}:{problem.column}: {problem.message}")
            raise CommandError(_("%(count)d 处错误，什么都没有改。") % {"count": len(bad.problems)}) from bad
        for change in changes:
            old = "" if change.old is None else f"{_shown(change.old)} → "
            self.stdout.write(f"  {change.path}: {old}{_shown(change.new)}")
        if not changes:
            self.stdout.write(_("没有变化。"))
        elif options["dry_run"]:
            self.stdout.write(_("试运行：会改 %(count)d 处，没有写入。") % {"count": len(changes)})
        else:
            self.stdout.write(_("已改 %(count)d 处。") % {"count": len(changes)})


def _shown(value: Any) -> str:
    """Return a value as the file would write it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value).replace("\n", "⏎")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
