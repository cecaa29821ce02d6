"""Firings of the rule against flooding."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import safety, sources
from notifications.choices import Reason
from notifications.models import Flood, Notification
from notifications.services.flooding import WINDOW
from spc_site.admin import ReadOnlyAdmin, link, list_url


@admin.register(Flood)
class FloodAdmin(ReadOnlyAdmin):
    """Firings of the rule against flooding: who sent too much, where to, how much was withheld."""

    menu_order = 346
    list_display = ("minute", "source_shown", "channel", "target_shown", "withheld", "messages_link")
    list_filter = ("minute", "channel")
    search_fields = ("source", "target")
    search_help_text = gettext_lazy("来源、目标")
    fields = ("minute", "source_shown", "channel", "target_shown", "withheld", "messages_link")
    readonly_fields = fields

    @admin.display(description=gettext_lazy("来源"), ordering="source")
    def source_shown(self, flood: Flood) -> str:
        return sources.label_of(flood.source) or _("（未注明）")

    @admin.display(description=gettext_lazy("目标"), ordering="target")
    def target_shown(self, flood: Flood) -> str:
        return safety.mask_contacts(flood.target)

    @admin.display(description=gettext_lazy("消息"))
    def messages_link(self, flood: Flood) -> SafeString:
        start = timezone.localtime(flood.minute)
        filters = {
            "reason__exact": Reason.FLOODED,
            "from": f"{start:%Y-%m-%dT%H:%M}",
            "until": f"{start + WINDOW:%Y-%m-%dT%H:%M}",
            "source": flood.source,
            # The address of a page is kept and passed on: no person's number stands in it.
            "to": flood.target if flood.target == safety.mask_contacts(flood.target) else "",
        }
        url = list_url(Notification, **{name: value for name, value in filters.items() if value})
        return link(url, _("查看未发送的消息"))
