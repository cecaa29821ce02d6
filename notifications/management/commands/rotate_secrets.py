"""`manage.py rotate_secrets [--dry-run]`: seal every stored secret with the newest of `SECRETS_KEYS`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.acting import Door, acting
from notifications.choices import Verb
from notifications.services import audit
from spc_site import sealed


class Command(BaseCommand):
    help = "用 SECRETS_KEYS 里最新的钥匙重新加密所有存着的密钥；可以中断后再运行"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="只数出有多少要重新加密")

    def handle(self, *_args: Any, **options: Any) -> None:
        is_dry_run = options["dry_run"]
        tally = sealed.survey() if is_dry_run else sealed.reseal()
        counts = {"current": tally.current, "old": tally.old, "unreadable": len(tally.unreadable)}
        said = _("已是最新钥匙 %(current)d，用旧钥匙 %(old)d，打不开 %(unreadable)d") % counts
        if is_dry_run:
            self.stdout.write(_("%(said)s。没有改动。") % {"said": said})
        else:
            if tally.old:
                with acting(Door.COMMAND):
                    audit.record(Verb.ROTATED, name=_("所存密钥"), note=said)
            self.stdout.write(_("%(said)s；旧的已重新加密。") % {"said": said})
        for name in tally.unreadable:
            self.stderr.write(_("打不开：%(name)s") % {"name": name})
        if tally.unreadable:
            raise CommandError(_("有打不开的密钥：把原来的钥匙加回 SECRETS_KEYS，或在后台重新填写。"))
