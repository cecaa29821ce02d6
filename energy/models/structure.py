"""What is measured where: energy types, the tree of groups, devices, and how they belong together.

Everything that changes over time is dated, and ended rather than deleted: the past keeps the
structure that it had. Dates are local and half-open (start ≤ day < end).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Self, TypeAlias

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from energy.choices import Connection, DeviceKind, DeviceStatus, FactorKind, Label, ReadingKind
from energy.metering import COUNT_LIMIT, Change, Register


class EnergyType(models.Model):
    """A kind of energy or energy-carrying medium, and the unit that its use is given in.

    All uses of a type are whole numbers of `step` (a thousandth of the unit, say): sums over
    meters and days are exact, on every machine.
    """

    code = models.SlugField(_("代码"), max_length=30, unique=True)
    name = models.CharField(_("名称"), max_length=60, unique=True)
    unit = models.CharField(_("单位"), max_length=20)
    step = models.DecimalField(
        _("最小计量"),
        max_digits=12,
        decimal_places=6,
        default=Decimal("0.001"),
        validators=[MinValueValidator(Decimal("0.000001"))],
        help_text=_("用量按它的整数倍保存；有用量后不能再改"),
    )
    order = models.PositiveSmallIntegerField(_("顺序"), default=100)
    is_active = models.BooleanField(_("启用"), default=True)

    class Meta:
        verbose_name = verbose_name_plural = _("能源种类")
        ordering = ["order", "code"]
        constraints = [models.CheckConstraint(condition=Q(step__gt=0), name="energy_type_step")]

    def __str__(self) -> str:
        return self.name

    def amount(self, steps: int) -> Decimal:
        """Return so many steps in the unit, exactly."""
        return steps * self.step


class Remembering(models.Model):
    """A row that knows what it held when it was read: a change of its dates concerns the old ones, too."""

    remembered: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, *arguments: Any, **words: Any) -> Self:
        found = super().from_db(*arguments, **words)
        loaded = found.__dict__
        loaded["_was"] = {name: loaded[name] for name in cls.remembered if name in loaded}
        return found

    def was(self, name: str) -> Any:
        """Return what a field held when the row was read; what it holds if it never was."""
        return self.__dict__.get("_was", {}).get(name, getattr(self, name))


class ConversionFactor(Remembering):
    """What one unit of an energy type is in standard coal or carbon dioxide, from a day on."""

    remembered = ("valid_from",)

    energy_type = models.ForeignKey(
        EnergyType, on_delete=models.CASCADE, related_name="factors", verbose_name=_("能源种类")
    )
    kind = models.CharField(_("折算为"), max_length=16, choices=FactorKind)
    value = models.DecimalField(
        _("系数"), max_digits=16, decimal_places=8, validators=[MinValueValidator(Decimal(0))]
    )
    valid_from = models.DateField(_("生效日"))
    region = models.CharField(_("地区"), max_length=40, blank=True, help_text=_("空：全国"))
    year = models.PositiveSmallIntegerField(_("数据年份"), null=True, blank=True)
    source = models.CharField(_("出处"), max_length=200)

    class Meta:
        verbose_name = verbose_name_plural = _("折算系数")
        ordering = ["energy_type", "kind", "region", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["energy_type", "kind", "region", "valid_from"], name="energy_factor_once_a_day"
            ),
            models.CheckConstraint(condition=Q(value__gte=0), name="energy_factor_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.energy_type} {self.get_kind_display()} {self.value.normalize():f}"


class DeviceGroup(Remembering):
    """A place in the tree: plant, shop, line …"""

    remembered = ("parent_id",)

    code = models.CharField(_("代码"), max_length=60, unique=True)
    name = models.CharField(_("名称"), max_length=120)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("上级"),
    )
    order = models.PositiveIntegerField(_("顺序"), default=100)

    class Meta:
        verbose_name = verbose_name_plural = _("设备组")
        ordering = ["order", "code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("pk")), name="energy_group_not_its_own_parent"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        above = dict(DeviceGroup.objects.values_list("pk", "parent_id"))
        parent = self.parent_id
        while parent is not None:
            if parent == self.pk:
                raise ValidationError({"parent": _("不能是它自己或它的下级")})
            parent = above.get(parent)


def steps_per_count(*, count_size: Decimal, ratio: Decimal, step: Decimal) -> int:
    """Return what one count of a register is in whole steps of its energy type.

    Raises ValidationError if it is no whole number: then uses could not be exact.
    """
    whole, rest = divmod(count_size * ratio, step)
    if rest or whole < 1:
        raise ValidationError(
            _("每个计数 %(size)s × 倍率 %(ratio)s 不是最小计量 %(step)s 的整数倍，请改小最小计量"),
            code="not_whole",
            params={
                "size": f"{count_size.normalize():f}",
                "ratio": f"{ratio.normalize():f}",
                "step": f"{step.normalize():f}",
            },
        )
    return int(whole)


class Device(models.Model):
    """A meter, or a virtual one that sums others.

    A register is kept in whole counts of `count_size` units; what a count means as use
    (current and voltage transformers) is its ratio, which is dated (`DeviceRatio`).
    """

    code = models.CharField(_("代码"), max_length=60, unique=True)
    name = models.CharField(_("名称"), max_length=120)
    energy_type = models.ForeignKey(
        EnergyType, on_delete=models.PROTECT, related_name="devices", verbose_name=_("能源种类")
    )
    kind = models.CharField(_("类别"), max_length=8, choices=DeviceKind, default=DeviceKind.METER)
    status = models.CharField(
        _("使用状态"), max_length=8, choices=DeviceStatus, default=DeviceStatus.IN_USE, db_index=True
    )
    location = models.CharField(_("位置"), max_length=120, blank=True)
    gateway = models.CharField(
        _("网关"),
        max_length=60,
        blank=True,
        help_text=_("上送读数的采集网关；网关下的表全部断线时报一条网关断线"),
    )
    reading_kind = models.CharField(
        _("上送内容"), max_length=8, choices=ReadingKind, default=ReadingKind.REGISTER
    )
    label = models.CharField(
        _("时间标签"),
        max_length=10,
        choices=Label,
        default=Label.END,
        help_text=_("读数旁的时间指什么；累计读数取“区间结束时刻”即读数时刻。改动只影响以后的读数"),
    )
    count_size = models.DecimalField(
        _("每个计数"),
        max_digits=12,
        decimal_places=6,
        default=Decimal("0.01"),
        validators=[MinValueValidator(Decimal("0.000001"))],
        help_text=_("表的最小读数，以能源单位计，如 0.01"),
    )
    modulus = models.PositiveBigIntegerField(
        _("满度"), null=True, blank=True, help_text=_("计数到此归零，如 1000000；空：不归零或未知")
    )
    max_per_hour = models.PositiveBigIntegerField(
        _("每小时最大计数"), null=True, blank=True, help_text=_("物理上可能的最大用量；空：不限")
    )
    tolerance = models.PositiveIntegerField(_("回抖容差"), default=0, help_text=_("允许的倒退计数"))
    interval_s = models.PositiveIntegerField(
        _("读数间隔（秒）"), default=900, validators=[MinValueValidator(1)]
    )
    silent_after_s = models.PositiveIntegerField(
        _("多久无数据算断线（秒）"), null=True, blank=True, help_text=_("空：读数间隔的 4 倍")
    )
    last_reading_at = models.DateTimeField(_("最新读数时刻"), null=True, blank=True)
    connection = models.CharField(
        _("连接"), max_length=8, choices=Connection, default=Connection.UNKNOWN, db_index=True
    )
    connection_since = models.DateTimeField(_("连接状态自"), null=True, blank=True)
    returning_since = models.DateTimeField(_("恢复上送自"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("计量设备")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(count_size__gt=0), name="energy_device_count_size"),
            models.CheckConstraint(condition=Q(interval_s__gt=0), name="energy_device_interval"),
            models.CheckConstraint(
                condition=Q(modulus__isnull=True) | Q(modulus__gt=1, max_per_hour__isnull=False),
                name="energy_device_modulus_needs_max",
            ),
            models.CheckConstraint(
                condition=Q(max_per_hour__isnull=True) | Q(max_per_hour__gt=0), name="energy_device_max"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    def clean(self) -> None:
        if self.modulus is not None and self.max_per_hour is None:
            raise ValidationError({"max_per_hour": _("有满度时必填：它区分归零与清零")})
        for name in ("modulus", "max_per_hour"):
            if (getattr(self, name) or 0) > COUNT_LIMIT:
                raise ValidationError({name: _("不能大于 2 的 53 次方")})
        if not self.energy_type_id or self.count_size is None:
            return
        for ratio in {Decimal(1)} if self.pk is None else self.known_ratios():
            try:
                steps_per_count(count_size=self.count_size, ratio=ratio, step=self.energy_type.step)
            except ValidationError as error:
                raise ValidationError({"count_size": error}) from None

    def known_ratios(self) -> set[Decimal]:
        """Return every ratio that it has or had. One query."""
        return set(self.ratios.values_list("ratio", flat=True)) or {Decimal(1)}

    @property
    def register(self) -> Register:
        """Return what is known of its register."""
        return Register(
            interval_s=self.interval_s,
            modulus=self.modulus,
            max_per_hour=self.max_per_hour,
            jitter=self.tolerance,
        )

    @property
    def silence_s(self) -> int:
        """Return after how many seconds without a reading it counts as silent."""
        return self.silent_after_s or 4 * self.interval_s


class DeviceRatio(models.Model):
    """What a register's use is multiplied with, from a moment on; the first counts for all before it."""

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="ratios", verbose_name=_("计量设备")
    )
    valid_from = models.DateTimeField(_("生效时刻"))
    ratio = models.DecimalField(
        _("倍率"), max_digits=12, decimal_places=6, validators=[MinValueValidator(Decimal("0.000001"))]
    )

    class Meta:
        verbose_name = verbose_name_plural = _("倍率")
        ordering = ["device", "valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["device", "valid_from"], name="energy_ratio_once_a_moment"),
            models.CheckConstraint(condition=Q(ratio__gt=0), name="energy_ratio_positive"),
        ]

    def __str__(self) -> str:
        return f"× {self.ratio.normalize():f}"

    def clean(self) -> None:
        if self.device_id and self.ratio is not None:
            try:
                steps_per_count(
                    count_size=self.device.count_size, ratio=self.ratio, step=self.device.energy_type.step
                )
            except ValidationError as error:
                raise ValidationError({"ratio": error}) from None


class Dated(Remembering):
    """Something that holds on the days start ≤ day < end."""

    remembered = ("start",)

    start = models.DateField(_("起始日"))
    end = models.DateField(_("终止日"), null=True, blank=True, help_text=_("当日起不再有效；空：至今"))

    class Meta:
        abstract = True

    def clean(self) -> None:
        if self.start and self.end and self.end <= self.start:
            raise ValidationError({"end": _("必须晚于起始日")})


class Attachment(Dated):
    """A meter that belongs to a group; with sign -1 its use is taken off (a tenant's, say)."""

    class Sign(models.IntegerChoices):
        PLUS = 1, _("计入")
        MINUS = -1, _("扣除")

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="attachments", verbose_name=_("计量设备")
    )
    group = models.ForeignKey(
        DeviceGroup,
        on_delete=models.PROTECT,  # with it the group's past would go, and that of all above it
        related_name="attachments",
        verbose_name=_("设备组"),
    )
    sign = models.SmallIntegerField(_("计入或扣除"), choices=Sign, default=Sign.PLUS)

    class Meta:
        verbose_name = verbose_name_plural = _("设备归属")
        ordering = ["group", "device", "start"]
        constraints = [
            models.UniqueConstraint(fields=["device", "group", "start"], name="energy_attachment_once"),
            models.CheckConstraint(condition=Q(sign__in=[1, -1]), name="energy_attachment_sign"),
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(end__gt=F("start")), name="energy_attachment_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} → {self.group}"


class UpstreamLink(Dated):
    """A meter behind another: its use lies inside the other's."""

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="upstream", verbose_name=_("下级表")
    )
    behind = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="downstream", verbose_name=_("上级表")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("上下级关系")
        ordering = ["behind", "device", "start"]
        constraints = [
            models.UniqueConstraint(fields=["device", "behind", "start"], name="energy_upstream_once"),
            models.CheckConstraint(condition=~Q(device=F("behind")), name="energy_upstream_not_itself"),
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(end__gt=F("start")), name="energy_upstream_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} ⊂ {self.behind}"

    def clean(self) -> None:
        super().clean()
        if not (self.device_id and self.behind_id and self.start):
            return
        if self.device.energy_type_id != self.behind.energy_type_id:
            raise ValidationError({"behind": _("能源种类必须相同")})
        front = _in_front(self.device.energy_type_id, but_link=self.pk or 0)
        if _leads(front, self.behind_id, self.device_id, self.start, self.end or date.max):
            raise ValidationError({"behind": _("会形成循环：它已在这块表的下级")})


class VirtualPart(models.Model):
    """What a virtual meter sums: a meter, and how many times it counts."""

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="parts", verbose_name=_("虚拟表")
    )
    part = models.ForeignKey(
        Device, on_delete=models.PROTECT, related_name="part_of", verbose_name=_("组成表")
    )
    times = models.IntegerField(_("次数"), default=1, help_text=_("可为负"))

    class Meta:
        verbose_name = verbose_name_plural = _("虚拟表组成")
        ordering = ["device", "part"]
        constraints = [
            models.UniqueConstraint(fields=["device", "part"], name="energy_virtual_part_once"),
            models.CheckConstraint(condition=~Q(device=F("part")), name="energy_virtual_not_itself"),
            models.CheckConstraint(condition=~Q(times=0), name="energy_virtual_times"),
        ]

    def __str__(self) -> str:
        return f"{self.times} × {self.part}"

    def clean(self) -> None:
        if not (self.device_id and self.part_id):
            return
        if self.device.kind != DeviceKind.VIRTUAL:
            raise ValidationError({"device": _("只有虚拟表由其他表组成")})
        if self.device.energy_type_id != self.part.energy_type_id:
            raise ValidationError({"part": _("能源种类必须相同")})
        front = _in_front(self.device.energy_type_id, but_part=self.pk or 0)
        if _leads(front, self.device_id, self.part_id, date.min, date.max):
            raise ValidationError({"part": _("会形成循环：它由这块虚拟表组成，或是其上级")})


_Edges: TypeAlias = "dict[int, list[tuple[int, date, date]]]"


def _in_front(energy_type_id: int, *, but_link: int = 0, but_part: int = 0) -> _Edges:
    """Return what each meter lies behind, and on which days; virtual meters stand before their parts."""
    front: _Edges = {}
    links = UpstreamLink.objects.filter(device__energy_type=energy_type_id).exclude(pk=but_link)
    for device, behind, start, end in links.values_list("device_id", "behind_id", "start", "end"):
        front.setdefault(device, []).append((behind, start, end or date.max))
    parts = VirtualPart.objects.filter(device__energy_type=energy_type_id).exclude(pk=but_part)
    for whole, part in parts.values_list("device_id", "part_id"):
        front.setdefault(part, []).append((whole, date.min, date.max))
    return front


def _leads(front: _Edges, begin: int, goal: int, start: date, end: date) -> bool:
    """Say whether on one day of start ≤ day < end a way leads from a meter to another one above it."""
    waiting, seen = [(begin, start, end)], set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        place, first, last = one
        if place == goal:
            return True
        for above, opened, closed in front.get(place, ()):
            if (since := max(first, opened)) < (until := min(last, closed)):
                waiting.append((above, since, until))
    return False


class MeterChange(models.Model):
    """A meter taken off at `end_count` and another put on at `start_count`."""

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="changes", verbose_name=_("计量设备")
    )
    at = models.DateTimeField(_("换表时刻"))
    end_count = models.PositiveBigIntegerField(_("旧表止码（计数）"))
    start_count = models.PositiveBigIntegerField(_("新表起码（计数）"), default=0)
    reason = models.CharField(_("原因"), max_length=200)
    who = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("登记人"),
    )
    created_at = models.DateTimeField(_("登记时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("换表记录")
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["device", "at"], name="energy_change_once_a_moment"),
            models.CheckConstraint(
                condition=Q(end_count__lt=COUNT_LIMIT, start_count__lt=COUNT_LIMIT),
                name="energy_change_counts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.end_count} → {self.start_count}"

    def as_change(self) -> Change:
        """Return what the arithmetic takes."""
        return Change(int(self.at.timestamp()), self.end_count, self.start_count)
