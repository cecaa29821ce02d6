"""WeCom's approvals through the application of the settings."""

from __future__ import annotations

from django.utils.translation import gettext as _

from notifications.channels.base import NotConfigured
from notifications.channels.wechat_api import application
from spc_site.errors import AppError
from wecom.app import App
from wecom.approvals import CALLS_A_SECOND, Approvals, Pace

TIMEOUT_S = 10.0
FILE_TIMEOUT_S = 30.0
"""A file of 20 MB takes longer than an answer."""

_PACE = Pace(CALLS_A_SECOND / 2)
"""One for the process. Events and the periodic look run in workers of different queues, so each takes half;
more processes than that meet 45009 now and then, which only puts events off for a minute."""


def app(timeout_s: float = TIMEOUT_S) -> App:
    """Return the application; raises AppError where the settings name none that can be used."""
    try:
        return application().client(timeout_s)
    except (NotConfigured, ValueError) as error:
        raise AppError("wecom_not_configured", _("不能读取审批：%(why)s") % {"why": error}) from error


def approvals() -> Approvals:
    """Return the approvals that the application may see; raises AppError like `app`."""
    return Approvals(app(), pace=_PACE)
