"""What is wrong with delivery now."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications.choices import SEVERITY_TONES
from notifications.models import Trouble
from spc_site.admin import DASH, ReadOnlyAdmin, badge, badge_column, link


@admin.register(Trouble)
class TroubleAdmin(ReadOnlyAdmin):
    """What is wrong with delivery now; the alarm of each keeps the history."""

    menu_order = 304
    list_display = ("title", "severity_badge", "value", "threshold", "seen_at", "told", "where")
    fields = (
        "severity_badge",
        "description",
        ("value", "threshold"),
        "where",
        ("seen_at", "told", "clear_since"),
        "key",
    )

    severity_badge = badge_column("severity", SEVERITY_TONES, title=gettext_lazy("级别"))

    @admin.display(description=gettext_lazy("通知"), ordering="told_at")
    def told(self, row: Trouble) -> SafeString:
        if row.is_unheard:
            return badge(_("没有可用的渠道"), "red")
        if row.told_at is None:
            return badge(_("观察中"), "blue")
        return badge(_("已通知"), "green")

    @admin.display(description=gettext_lazy("去处理"))
    def where(self, row: Trouble) -> SafeString | str:
        return link(row.link, _("打开")) if row.link else DASH
