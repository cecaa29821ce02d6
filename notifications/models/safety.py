"""Rows of safety: what was done by whom, and what texts may not say."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.acting import Door
from notifications.choices import Checksum, RuleKind, Verb
from notifications.kept import WatchedQuerySet


class AppendOnly(TypeError):
    """Somebody tried to change or delete what was written down for good."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Rows that can be read and, when their time is over, forgotten; nothing else."""

    def update(self, **_fields: Any) -> NoReturn:
        raise AppendOnly("audit entries are never changed")

    def delete(self) -> NoReturn:
        raise AppendOnly("audit entries are forgotten by age alone: see forget()")

    def forget(self, *, before: datetime, most: int) -> int:
        """Delete the oldest entries of before a time, at most so many; return how many."""
        keys = list(self.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:most])
        return self.filter(pk__in=keys)._raw_delete(self.db)


class AuditEntry(models.Model):
    """One act: who, when, what, on which row, from what to what, through which door.

    Written once by the services, never changed; secrets stand in it as their last four characters.
    The names of the person and of the row are kept as text, so that they outlive both.
    """

    at = models.DateTimeField(_("时间"), db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("账号"),
    )
    actor_name = models.CharField(_("人员"), max_length=150, blank=True, db_index=True)
    door = models.CharField(_("途径"), max_length=8, choices=Door)
    verb = models.CharField(_("操作"), max_length=10, choices=Verb, db_index=True)
    kind = models.CharField(_("类别"), max_length=64, blank=True, db_index=True)
    object_id = models.CharField(_("编号"), max_length=64, blank=True)
    object_name = models.CharField(_("对象"), max_length=255, blank=True)
    changes = models.JSONField(_("变化"), default=dict, blank=True)
    note = models.CharField(_("说明"), max_length=500, blank=True)

    objects: ClassVar[models.Manager[AuditEntry]] = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = _("操作审计")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["kind", "object_id"], name="notifications_audit_of_row")]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} {self.object_name}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("audit entries are never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly("audit entries are forgotten by age alone")


class ContentRule(models.Model):
    """What texts may not say: a list of words, or a regular expression that cannot run away."""

    name = models.CharField(_("规则"), max_length=64, unique=True)
    kind = models.CharField(_("处理"), max_length=8, choices=RuleKind, default=RuleKind.MASK)
    is_regex = models.BooleanField(_("是正则表达式"), default=False)
    pattern = models.TextField(
        _("内容"), max_length=10_000, help_text=_("词表：每行一个词；或一个正则表达式（重复次数要写上限）")
    )
    checksum = models.CharField(_("校验"), max_length=8, choices=Checksum, blank=True, default=Checksum.NONE)
    keep_start = models.PositiveSmallIntegerField(_("保留开头"), default=0, help_text=_("掩码时保留的字数"))
    keep_end = models.PositiveSmallIntegerField(_("保留结尾"), default=0)
    note = models.CharField(_("说明"), max_length=255, blank=True)
    is_active = models.BooleanField(_("启用"), default=True)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    objects: ClassVar[models.Manager[ContentRule]] = WatchedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = _("内容规则")
        ordering = ["kind", "name"]

    def __str__(self) -> str:
        return self.name
