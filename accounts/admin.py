"""People in the admin: users, roles, tokens for programs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import services
from accounts.models import ApiToken, Profile
from accounts.roles import purpose_of
from spc_site.admin import DASH, BaseAdmin, badge, list_url, person_of
from spc_site.errors import Conflict

admin.site.unregister(User)
admin.site.unregister(Group)


class ProfileInline(admin.StackedInline):
    model = Profile
    can_delete = False
    max_num = 1


@admin.register(User)
class PersonAdmin(BaseAdmin, UserAdmin):
    """Django's users, with their roles in the list.

    Who may change users but is no superuser can neither touch a superuser nor make one.
    """

    menu_order = 400
    inlines = (ProfileInline,)
    list_display = ("username", "full_name", "roles", "state", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username", "first_name", "last_name", "email", "profile__wecom_userid")
    search_help_text = gettext_lazy("用户名、姓名、邮箱、企业微信 userid")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=gettext_lazy("姓名"), ordering="first_name")
    def full_name(self, user: User) -> str:
        return f"{user.last_name}{user.first_name}" or DASH

    @admin.display(description=gettext_lazy("角色"))
    def roles(self, user: User) -> str:
        return "、".join(group.name for group in user.groups.all()) or DASH

    @admin.display(description=gettext_lazy("状态"), ordering="is_active")
    def state(self, user: User) -> SafeString:
        return badge(_("可用"), "green") if user.is_active else badge(_("停用"), "grey")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if request.user.is_superuser:
            return ("last_login", "date_joined")
        return ("last_login", "date_joined", "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Refuse to delete superusers for others also where many are deleted at once."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        if any(not _may_touch(request, user) for user in objs):
            lacking = {*lacking, str(User._meta.verbose_name)}
        return deleted, counts, lacking, protected


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or request.user.is_superuser


@admin.register(Group)
class RoleAdmin(BaseAdmin, GroupAdmin):
    """Roles are groups; those that ship say what they are for."""

    menu_order = 410
    list_display = ("name", "purpose", "people")
    search_fields = ("name",)
    search_help_text = gettext_lazy("角色名")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).annotate(people_count=models.Count("user"))

    @admin.display(description=gettext_lazy("用途"))
    def purpose(self, group: Group) -> str:
        return purpose_of(group.name) or DASH

    @admin.display(description=gettext_lazy("人数"), ordering="people_count")
    def people(self, group: Any) -> int:
        return group.people_count


class TokenForm(forms.ModelForm):
    """Ask what the token is for, as whom it acts, until when."""

    class Meta:
        model = ApiToken
        fields = ("user", "name", "expires_at")

    def clean_expires_at(self) -> Any:
        at = self.cleaned_data["expires_at"]
        if at is not None and at <= timezone.now():
            raise forms.ValidationError(_("到期时间已经过去。"))
        return at


@admin.register(ApiToken)
class ApiTokenAdmin(BaseAdmin):
    """Tokens are made and revoked, never changed; the text is shown once."""

    menu_order = 420
    form = TokenForm
    actions = ("revoke",)
    object_actions = ("revoke",)
    list_display = ("name", "user", "prefix", "state", "created_at", "last_used_at", "expires_at")
    list_select_related = ("user",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "user")
    search_fields = ("name", "prefix", "user__username")
    search_help_text = gettext_lazy("用途、开头几个字符、用户名")
    date_hierarchy = "created_at"
    readonly_fields = ("prefix", "state", "created_at", "last_used_at", "revoked_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        asked = ("user", "name", "expires_at")
        return asked if obj is None else asked + self.readonly_fields

    @admin.display(description=gettext_lazy("状态"))
    def state(self, token: ApiToken) -> SafeString:
        if token.revoked_at:
            return badge(_("已吊销"), "grey")
        if token.expires_at and token.expires_at <= timezone.now():
            return badge(_("已过期"), "amber")
        return badge(_("有效"), "green")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apitoken")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        """A token acts as its user: others than superusers handle only their own."""
        tokens = super().get_queryset(request)
        return tokens if request.user.is_superuser else tokens.filter(user=request.user)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            people = User.objects.filter(is_active=True).order_by("username")
            if not request.user.is_superuser:
                people = people.filter(pk=person_of(request).pk)
            kwargs |= {"queryset": people, "initial": request.user.pk}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: forms.ModelForm, change: bool) -> None:
        """Make the token by the service; its text goes to the one answer that shows it."""
        token, request.token_text = services.issue_token(  # type: ignore[attr-defined]
            obj.user, name=obj.name, expires_at=obj.expires_at
        )
        obj.__dict__.update(token.__dict__)

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the text in this answer alone: no redirect, no message, nothing that is kept.

        The admin forbids to store any of its pages (`no-store`).
        """
        context = {
            **self.admin_site.each_context(request),
            "title": _("API 令牌已生成"),
            "opts": self.opts,
            "token": obj,
            "token_text": request.token_text,  # type: ignore[attr-defined]
            "list_url": list_url(ApiToken),
        }
        return TemplateResponse(request, "admin/token_made.html", context)

    def get_object_actions(self, request: HttpRequest, obj: ApiToken) -> tuple[str, ...]:
        return () if obj.revoked_at else ("revoke",)

    @admin.action(description=gettext_lazy("吊销"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        def act(token: ApiToken) -> None:
            if not services.revoke_token(token):
                raise Conflict(_("早已吊销。"))
            self.log_change(request, token, _("吊销"))

        self.act_on_each(request, queryset, act, done=_("已吊销 %(count)d 个令牌。"))
