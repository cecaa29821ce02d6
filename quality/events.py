"""What quality tells people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from notifications import sources
from notifications.events import declare

declare("quality.iqc.*", _("来料 IQC 异常"))
declare("quality.oqc.*", _("出货 OQC 异常"))
declare("quality.*.concession_*", _("让步接收等处置的审批结果"))

sources.declare("quality", _("质量检验"))
sources.declare("quality.IQC", _("来料检验 IQC"))
sources.declare("quality.OQC", _("出货检验 OQC"))
