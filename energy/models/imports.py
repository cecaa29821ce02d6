"""The layouts of files of readings, as rows."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from energy.importing.profiles import STANDARD, Profile, ProfileError


class ReadingProfile(models.Model):
    """How to read the files of one source (see `energy.importing.profiles`).

    Taken for files whose name fits `file_pattern`, or when it is named.
    """

    name = models.CharField(_("名称"), max_length=80, unique=True)
    file_pattern = models.CharField(
        _("文件名"),
        max_length=120,
        blank=True,
        help_text=_("文件名符合时自动使用，如 EMS_*.csv；空：只在指定时使用"),
    )
    layout = models.JSONField(
        _("版式"),
        default=dict,
        blank=True,
        help_text=_(
            "titles：各列的其他标题（meter、time、date、value）；meter：文件里没有表号列时的表号；meters：表的别名；"
            "scale：数值乘以；label：时间标签 end、start、end_of_day；date_order：ymd、dmy、mdy"
        ),
    )
    order = models.PositiveSmallIntegerField(_("顺序"), default=100)
    is_active = models.BooleanField(_("启用"), default=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("读数版式")
        ordering = ["order", "name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.name == STANDARD:
            raise ValidationError({"name": _("“%(name)s”是内置的版式") % {"name": STANDARD}})
        try:
            Profile.from_json(self.name, self.layout)
        except ProfileError as error:
            raise ValidationError({"layout": str(error)}) from None
