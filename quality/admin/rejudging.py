"""Judging again, as the lists of reports and entries offer it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext as _

from quality.services.judgement import request_rejudgement
from spc_site.errors import Conflict


def rejudge_all(entries: models.QuerySet) -> None:
    """Queue entries for judging; raises Conflict where none can be."""
    if not request_rejudgement(entries):
        raise Conflict(_("没有可以重新判定的项目。"))
