"""Texts of messages as rows, and every version that they had."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.choices import ChannelCode, channel_choices

TEXT_FIELDS = (
    "label",
    "channel",
    "title_template",
    "content_template",
    "variables",
    "with_picture",
    "with_button",
)
"""What a version keeps."""


class TemplateText(models.Model):
    """Title and content with `{name}` placeholders; `variables` declares type and sample of each.

    `notifications.variables` reads the declarations, `notifications.rendering` fills the text.
    """

    label = models.CharField(_("用途"), max_length=120, blank=True)
    channel = models.CharField(
        _("渠道"), max_length=16, choices=channel_choices, default=ChannelCode.WECHAT_BOT
    )
    title_template = models.CharField(_("标题模板"), max_length=255)
    content_template = models.TextField(_("内容模板"))
    variables = models.JSONField(_("变量"), default=dict, blank=True)
    with_picture = models.BooleanField(
        _("附图"),
        default=False,
        help_text=_("消息说的是一个检验项目时，文字之后再发控制图；多占一次发送额度"),
    )

    with_button = models.BooleanField(
        _("受理按钮"),
        default=False,
        help_text=_("应用消息的文体选了按钮卡片时，报警写成卡片，可直接受理；其他渠道照旧"),
    )

    class Meta:
        abstract = True


class NotificationTemplate(TemplateText):
    """The text of a message in one language.

    Written by `notifications.services.templates` alone, which numbers the versions.
    """

    template_name = models.CharField(_("模板名"), max_length=64)
    language = models.CharField(
        _("语言"), max_length=10, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    version = models.PositiveIntegerField(_("版本"), default=0)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = _("消息模板")
        ordering = ["template_name", "-language"]
        constraints = [
            models.UniqueConstraint(
                fields=["template_name", "language"],
                name="notifications_template_language",
                violation_error_message=_("这个模板已经有这种语言的文字。"),
            )
        ]

    def __str__(self) -> str:
        return self.label or self.template_name


class TemplateVersion(TemplateText):
    """A template as it was saved once: by whom, when, why. Never changed."""

    template = models.ForeignKey(
        NotificationTemplate, on_delete=models.CASCADE, related_name="versions", verbose_name=_("消息模板")
    )
    number = models.PositiveIntegerField(_("版本"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("人员"),
    )
    at = models.DateTimeField(_("时间"), auto_now_add=True)
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("模板版本")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="notifications_template_version")
        ]

    def __str__(self) -> str:
        return f"{self.template} #{self.number}"
