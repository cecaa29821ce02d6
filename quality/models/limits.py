"""Control limits as versions: locked with a reason, valid for a time, never edited."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from quality.models.master import Characteristic


class ControlLimits(models.Model):
    """One locked version of the limits of a characteristic; wins over computed ones.

    Either `centre` and `sigma` of single values (lines follow for any subgroup size), or the
    drawn lines themselves. `baseline` names the entries they were computed from.
    """

    characteristic = models.ForeignKey(
        Characteristic, on_delete=models.CASCADE, related_name="control_limits", verbose_name=_("检测项目")
    )
    version = models.PositiveIntegerField(_("版本"))
    centre = models.FloatField(_("中心线"), null=True, blank=True)
    sigma = models.FloatField(_("组内标准差"), null=True, blank=True)
    ucl = models.FloatField("UCL", null=True, blank=True)
    lcl = models.FloatField("LCL", null=True, blank=True)
    secondary_centre = models.FloatField(_("离散图中心线"), null=True, blank=True)
    secondary_ucl = models.FloatField(_("离散图 UCL"), null=True, blank=True)
    secondary_lcl = models.FloatField(_("离散图 LCL"), null=True, blank=True)
    reason = models.CharField(_("理由"), max_length=255)
    baseline = models.JSONField(_("基线"), default=list, blank=True)
    valid_from = models.DateTimeField(_("生效"))
    valid_to = models.DateTimeField(_("失效"), null=True, blank=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("锁定人")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("控制限")
        ordering = ["characteristic", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["characteristic", "version"], name="quality_limits_version"),
            models.UniqueConstraint(
                fields=["characteristic"],
                condition=models.Q(valid_to__isnull=True),
                name="quality_limits_one_in_force",
            ),
            models.CheckConstraint(
                condition=models.Q(sigma__isnull=True) | models.Q(sigma__gt=0), name="quality_limits_sigma"
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"
