"""Texts of messages as rows."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.choices import ChannelCode, channel_choices


class NotificationTemplate(models.Model):
    """Title and content with `{name}` placeholders; values are text prepared by the sender."""

    template_name = models.CharField(_("模板名"), max_length=64, unique=True)
    label = models.CharField(_("用途"), max_length=120, blank=True)
    channel = models.CharField(
        _("渠道"), max_length=16, choices=channel_choices, default=ChannelCode.WECHAT_BOT
    )
    title_template = models.CharField(_("标题模板"), max_length=255)
    content_template = models.TextField(_("内容模板"))
    variables = models.JSONField(
        _("变量"), default=dict, blank=True, help_text=_('变量名与示例值，如 {"supplier": "供应商甲"}')
    )
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = _("消息模板")
        ordering = ["template_name"]

    def __str__(self) -> str:
        return self.label or self.template_name
