"""What people call where the messages about contracts come from."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from notifications import sources

sources.declare("contracts", _("合同"))
