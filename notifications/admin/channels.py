"""Ways of sending in the admin: switches, limits, health, the pool of credentials, test sending."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import causes, channels, services
from notifications.admin.audited import AuditedAdmin
from notifications.channels.wechat_bot import read_key
from notifications.choices import State
from notifications.models import Budget, Channel, DeliveryAttempt, Robot
from notifications.services.health import PoolPlace
from spc_site.admin import DASH, ReadOnlyAdmin, badge, change_url, link, list_url, person_of
from spc_site.errors import AppError
from spc_site.sealed import masked


class TestForm(forms.Form):
    """Where a test message goes; the notation is the channel's."""

    target = forms.CharField(label=gettext_lazy("目标"), max_length=255)

    def __init__(self, driver: channels.Driver, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._driver = driver
        self.fields["target"].help_text = str(driver.target_help)

    def clean_target(self) -> str:
        target: str = self.cleaned_data["target"]
        if problem := self._driver.target_problem(target):
            raise forms.ValidationError(problem)
        return target


@admin.register(Channel)
class ChannelAdmin(AuditedAdmin):
    """Ways of sending: the switch, the limits, the health, the credentials."""

    menu_order = 320
    actions = ("examine", "test_send", "mend")
    object_actions = ("examine", "test_send", "mend")
    list_display = (
        "code",
        "health_badge",
        "priority",
        "rate_limit",
        "timeout_s",
        "last_ok_at",
        "last_error",
    )
    readonly_fields = ("health_badge", "checked", "last_ok", "last_failure", "pool")
    fieldsets = (
        (None, {"fields": ("health_badge", "checked", "last_ok", "last_failure")}),
        (gettext_lazy("凭据与额度"), {"fields": ("pool",)}),
        (
            gettext_lazy("开关与限额"),
            {"fields": ("code", "is_enabled", ("priority", "timeout_s"), "rate_limit")},
        ),
        (gettext_lazy("消息"), {"fields": (("style", "overflow"),)}),
        (
            gettext_lazy("重试"),
            {"fields": ("max_retries", ("base_delay_s", "max_delay_s"), "backoff_factor")},
        ),
    )

    # --- columns ---

    @admin.display(description=gettext_lazy("健康"), ordering="consecutive_failures")
    def health_badge(self, channel: Channel) -> SafeString:
        return badge(*_health(channel))

    @admin.display(description=gettext_lazy("检查"))
    def checked(self, channel: Channel) -> SafeString | str:
        if channel.checked_at is None:
            return _("还没有检查过")
        when = _("检查于 %(time)s") % {"time": _when(channel.checked_at)}
        if not channel.check_problem:
            return when
        return format_html('<strong>{}</strong><p class="help">{}</p>', channel.check_problem, when)

    @admin.display(description=gettext_lazy("最近成功"))
    def last_ok(self, channel: Channel) -> str:
        return _when(channel.last_ok_at) if channel.last_ok_at else DASH

    @admin.display(description=gettext_lazy("最近失败"))
    def last_failure(self, channel: Channel) -> SafeString | str:
        """Say when, what was answered, why, and what a person does about it."""
        if channel.last_error_at is None:
            return DASH
        failed = DeliveryAttempt.objects.filter(channel=channel.code).exclude(outcome__in=("", "sent"))
        attempt = failed.select_related("notification").order_by("-started_at", "-pk").first()
        cause = attempt and causes.cause_of(
            attempt.outcome,
            http_status=attempt.http_status,
            errcode=attempt.errcode,
            was_answered=attempt.duration_ms is not None,
        )
        lines = [format_html("<strong>{}</strong>", channel.last_error or DASH)]
        if cause:
            lines.append(
                format_html('<p class="help">{}：{}</p>', causes.Cause(cause).label, causes.ADVICE[cause])
            )
        when = _when(channel.last_error_at)
        if attempt is not None:
            when = link(change_url(attempt.notification), when)
        lines.append(format_html('<p class="help">{}</p>', when))
        return mark_safe("".join(lines))  # noqa: S308  every line is escaped above

    @admin.display(description=gettext_lazy("凭据"))
    def pool(self, channel: Channel) -> SafeString | str:
        """Show each robot or account with what is left of its minute."""
        driver = channels.driver_for(channel.code)
        places = services.pool_of(channel)
        problems = driver.check() if driver is not None and driver.is_set_up() else {}
        shown = format_html_join(
            "",
            '<li><span class="who">{}{}</span><span class="budget">{}</span>{}</li>',
            (_pool_line(place) for place in places),
        )
        if not shown:
            words = "；".join(problems.values()) or _("还没有配置。")
            shown = format_html("<li>{}</li>", words)
        more = link(list_url(Robot), _("管理群机器人")) if channel.code == "wechat_bot" else ""
        return format_html('<ul class="pool">{}</ul>{}', shown, more)

    # --- what may be done ---

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "code")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Every connected channel has its row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A channel is switched off, not deleted: messages name it."""
        return False

    def has_test_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.test_channel")

    def has_mend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.mend_budget")

    @admin.action(description=gettext_lazy("检查"), permissions=["test"])
    def examine(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        """Check now what is checked every few minutes."""
        for channel in queryset:
            finding = services.check_channel(channel)
            level = messages.ERROR if channel.check_problem else messages.SUCCESS
            self.message_user(request, f"{channel}：{_health(channel)[0]}。{finding.note}", level)

    @admin.action(description=gettext_lazy("试发"), permissions=["test"])
    def test_send(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Send a message through the whole way and show what became of it."""
        rows = list(queryset)
        if len(rows) != 1:
            self.message_user(request, _("请只选一个渠道来试发。"), messages.WARNING)
            return None
        (channel,) = rows
        driver = channels.driver_for(channel.code)
        if driver is None:
            self.message_user(request, _("此渠道尚未接入"), messages.WARNING)
            return None
        places = [one.credential.place for one in services.pool_of(channel) if one.credential.place]
        form = TestForm(
            driver,
            request.POST if "confirmed" in request.POST else None,
            initial={"target": (places or [""])[0]},
        )
        if "confirmed" not in request.POST or not form.is_valid():
            return self.ask_first(
                request,
                rows,
                action="test_send",
                title=_("试发"),
                question=_("将经%(channel)s真正发出一条测试消息，不重试。发给谁？") % {"channel": channel},
                form=form,
                button=_("试发"),
            )
        try:
            row = services.try_channel(channel, form.cleaned_data["target"], user=person_of(request))
        except AppError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return None
        self.message_user(request, *_result_of_test(row))
        return None

    @admin.action(description=gettext_lazy("已修复"), permissions=["mend"])
    def mend(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        """Trust what was refused again; what waited goes on."""
        for channel in queryset:
            count = services.mend_channel(channel)
            self.message_user(
                request,
                _("%(channel)s：恢复了 %(count)d 个凭据，暂缓的消息将继续发送。")
                % {"channel": channel, "count": count},
                messages.SUCCESS,
            )


def _when(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def _health(channel: Channel) -> tuple[str, str]:
    """Return the word for a channel's health and its tone."""
    driver = channels.driver_for(channel.code)
    if driver is None:
        return _("尚未接入"), "grey"
    if not channel.is_enabled:
        return _("停用"), "grey"
    if channel.check_problem:
        return _("故障"), "red"
    if dead := services.refused(channel):
        return _("%(count)d 个凭据失效") % {"count": len(dead)}, "red"
    if channel.consecutive_failures:
        return _("连续失败 %(count)d 次") % {"count": channel.consecutive_failures}, "red"
    if not driver.is_set_up():
        return _("未配置"), "grey"
    if channel.last_ok_at or channel.checked_at:
        return _("正常"), "green"
    return _("尚未检查"), "grey"


def _pool_line(place: PoolPlace) -> tuple[object, ...]:
    one = place.credential
    group = format_html("<b>{}</b> ", one.place) if one.place else ""
    label = one.label.removeprefix(f"{one.place} ")
    used = _("一分钟内已用 %(used)d / %(rate)d") % {"used": place.used, "rate": place.rate}
    if place.is_dead:
        state = badge(_("失效"), "red") + format_html('<p class="help">{}</p>', place.dead_note)
    elif place.rests_until is not None:
        until = timezone.localtime(place.rests_until)
        state = badge(_("暂停至 %(time)s") % {"time": f"{until:%H:%M:%S}"}, "amber")
    elif place.used >= place.rate:
        state = badge(_("本分钟已用完"), "amber")
    else:
        state = badge(_("可用"), "green")
    return group, label, used, state


def _result_of_test(row: Any) -> tuple[SafeString, int]:
    """Return what became of a test message, with the way to it."""
    attempt = row.attempts.order_by("-number").first()
    took = attempt.duration_ms if attempt and attempt.duration_ms is not None else 0
    if row.status == State.SENT:
        words, level = _("试发成功，用时 %(ms)d 毫秒。") % {"ms": took}, messages.SUCCESS
        if row.missed:
            words += _("未送达：%(names)s。") % {"names": "、".join(row.missed)}
            level = messages.WARNING
    else:
        reason = row.error_message or row.get_reason_display()
        words = _("试发没有成功（%(state)s）：%(reason)s") % {
            "state": row.get_status_display(),
            "reason": reason,
        }
        level = messages.ERROR
    return format_html("{} {}", words, link(change_url(row), _("看这条消息"))), level


class RobotForm(forms.ModelForm):
    """A robot of a group; its key is pasted once and never shown again."""

    key = forms.CharField(
        label="key",
        required=False,
        help_text=gettext_lazy("粘贴机器人的 key 或整条 Webhook 地址；加密保存，只显示末四位"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "vTextField"}),
    )

    class Meta:
        model = Robot
        fields = ("group", "name", "key", "is_enabled", "order")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["key"] = ""
        if self.instance.pk and "key" in self.fields:
            shown = masked(self.instance.key)
            self.fields["key"].widget.attrs["placeholder"] = _("%(key)s，留空则不变") % {"key": shown}

    def clean_key(self) -> str:
        pasted: str = self.cleaned_data["key"]
        if not pasted.strip():
            if self.instance.pk:
                return str(self.instance.key)
            raise forms.ValidationError(_("请填写 key"))
        try:
            key = read_key(pasted)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        digest = Robot.digest_of(key)
        if taken := Robot.objects.defer("key").filter(digest=digest).exclude(pk=self.instance.pk).first():
            raise forms.ValidationError(_("这个机器人已经登记在群 %(group)s") % {"group": taken.group})
        return key


@admin.register(Robot)
class RobotAdmin(AuditedAdmin):
    """The robots of the groups: several in one group share its load."""

    menu_order = 325
    form = RobotForm
    list_display = ("group", "name", "masked_key", "is_enabled", "order")
    list_filter = ("group", "is_enabled")
    search_fields = ("group", "name")
    search_help_text = gettext_lazy("群、名称")

    @admin.display(description="key")
    def masked_key(self, robot: Robot) -> str:
        return masked(robot.key)


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    """Credentials by their digest: which of them rests, which is dead."""

    menu_order = 340
    actions = ("mend",)
    object_actions = ("mend",)
    list_display = ("name", "state", "blocked_until", "note")
    fields = ("name", "state", "blocked_until", "note")

    @admin.display(description=gettext_lazy("状态"), ordering="is_dead")
    def state(self, budget: Budget) -> SafeString:
        if budget.is_dead:
            return badge(_("失效"), "red")
        if budget.blocked_until and budget.blocked_until > timezone.now():
            return badge(_("暂停"), "amber")
        return badge(_("可用"), "green")

    def has_mend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.mend_budget")

    def get_object_actions(self, request: HttpRequest, obj: Budget) -> tuple[str, ...]:
        return ("mend",) if obj.is_dead or obj.blocked_until else ()

    @admin.action(description=gettext_lazy("已修复，恢复使用"), permissions=["mend"])
    def mend(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request, queryset, services.mend, done=_("已恢复 %(count)d 个凭据，暂缓的消息将继续发送。")
        )
