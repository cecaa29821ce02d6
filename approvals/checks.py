"""What a person can get wrong with the callback; `manage.py check` tells."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register


@register()
def whole_callback(**_kwargs: Any) -> list[CheckMessage]:
    """Token and key belong together, and to a company."""
    names = ("WECHAT_CALLBACK_TOKEN", "WECHAT_CALLBACK_AES_KEY")
    given = [name for name in names if getattr(settings, name)]
    if not given:
        return []
    missing = [
        name for name in (*names, "WECHAT_CORP_ID", "WECHAT_CORP_SECRET") if not getattr(settings, name)
    ]
    if not missing:
        return []
    return [
        Warning(
            f"设置了 {given[0]}，但没有设置 {'、'.join(missing)}：收不到审批和卡片的回调，或读不到审批详情。",
            hint="应用的“接收消息”页给出 Token 和 EncodingAESKey，与企业 ID、Secret 一起设置。",
            id="approvals.W001",
        )
    ]
