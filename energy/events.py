"""What energy tells people, and what they call where it comes from."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from notifications import sources
from notifications.events import declare

declare("energy.quota.late", _("补记的配额超限"))

sources.declare("energy", _("能源"))
sources.declare("energy*", _("能源（全部）"))
sources.declare("energy.quota", _("能源配额"))
sources.declare("energy.quota_check", _("配额检查"))
sources.declare("energy.rule", _("能源规则"))
sources.declare("energy.gateway", _("能源网关"))
sources.declare("energy.mqtt", _("MQTT 桥"))
