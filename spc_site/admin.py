"""The admin site, the base of all admin classes, and the few helpers that they share.

One skin lies over Django's own admin (`static/spc_site/admin.css`); what is added to it is
here: actions as buttons, also on the page of one object, with an honest count of what they
did; badges and links; lists that never count a large table; the tiles of the first page.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import model_format_dict, quote
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import models
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from spc_site.errors import AppError

log = logging.getLogger("spc_site.admin")

DASH = "—"
"""Stands where there is nothing to show."""

SHAPES = {"red": "▲", "amber": "◆", "green": "●", "blue": "○", "grey": "–"}
"""The shape of each tone: colour never stands alone."""

_NAMED_REFUSALS = 5
"""So many refusals of an action are told one by one; the rest is counted."""


def person_of(request: HttpRequest) -> User:
    """Return who asks: the admin lets in nobody who is not signed in."""
    return cast(User, request.user)


# --- helpers for columns --------------------------------------------------------------------


def badge(text: object, tone: str) -> SafeString:
    """Return a state as a pill: shape, word, colour."""
    return format_html(
        '<span class="badge {}"><i aria-hidden="true">{}</i>{}</span>', tone, SHAPES[tone], text
    )


def badge_column(
    name: str, tones: Mapping[Any, str], *, title: str | Promise = ""
) -> Callable[[Any, Any], SafeString | str]:
    """Return a method of an admin class: a sortable column that shows a choice field as a badge."""

    def column(_admin: Any, row: Any) -> SafeString | str:
        value = getattr(row, name)
        if not value:
            return DASH
        return badge(getattr(row, f"get_{name}_display")(), tones.get(value, "grey"))

    column.admin_order_field = name  # type: ignore[attr-defined]
    column.short_description = title or gettext_lazy("状态")  # type: ignore[attr-defined]
    column.__name__ = f"{name}_badge"
    return column


def link(url: str, text: object) -> SafeString:
    """Return a link; the text is escaped."""
    return format_html('<a href="{}">{}</a>', url, text)


def change_url(row: models.Model) -> str:
    """Return the address of a row's page in the admin."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote(row.pk)])


def list_url(model: type[models.Model], **filters: object) -> str:
    """Return the address of a model's list in the admin, filtered."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url


def page_url(row: models.Model) -> str:
    """Return the address of a row's own page outside the admin; empty if it has none."""
    find = getattr(row, "get_absolute_url", None)
    try:
        return find() if find else ""
    except NoReverseMatch:
        return ""


# --- the first page -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the first page: what it counts, how it stands, where to look."""

    label: str | Promise
    value: object
    tone: str
    note: str | Promise = ""
    url: str = ""

    @property
    def shape(self) -> str:
        return SHAPES[self.tone]


TileSource = Callable[[HttpRequest], Iterable[Tile]]
_tile_sources: list[tuple[int, TileSource]] = []


def tiles(*, order: int) -> Callable[[TileSource], TileSource]:
    """Let a room show tiles on the first page, in this order; it decides who may see which."""

    def declare(source: TileSource) -> TileSource:
        _tile_sources.append((order, source))
        _tile_sources.sort(key=lambda one: one[0])
        return source

    return declare


class SpcAdminSite(admin.AdminSite):
    site_header = gettext_lazy("质量与能源后台")
    site_title = gettext_lazy("质量与能源后台")
    index_title = gettext_lazy("管理")
    site_url = None  # the header leads to every room

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # Not at the end of this module: Django makes the default site while importing it.
        from spc_site.system_admin import register

        register(self)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = [tile for _order, source in _tile_sources for tile in source(request)]
        return super().index(request, {"tiles": shown, **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Order models by their `menu_order`, and rooms by their first model.

        The alphabet of Django's own order says nothing in Chinese.
        """
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda entry: self._menu_order(entry["model"]))
        return sorted(apps, key=lambda app: self._menu_order(app["models"][0]["model"]))

    def _menu_order(self, model: type[models.Model]) -> int:
        model_admin = self._registry[model]
        assert isinstance(model_admin, BaseAdmin), "all admin classes derive from BaseAdmin"
        return model_admin.menu_order


# --- fields ---------------------------------------------------------------------------------


class PrettyJSONField(forms.JSONField):
    """JSON that a person can read and edit: indented, Chinese as Chinese."""

    def __init__(self, *, rows: int = 9, **options: Any) -> None:
        options.setdefault(
            "widget",
            forms.Textarea(attrs={"rows": rows, "class": "vLargeTextField monospace", "spellcheck": "false"}),
        )
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, InvalidJSONInput):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2, cls=self.encoder)


# --- lists ----------------------------------------------------------------------------------


class BoundedPaginator(Paginator):
    """Counts to a limit: a list of a million rows must not count them to show fifty."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, models.QuerySet):
            return len(rows)
        return min(rows.order_by().values("pk")[: self.MOST + 1].count(), self.MOST)

    @property
    def is_bounded(self) -> bool:
        """Say whether there may be more than `count`."""
        return self.count >= self.MOST


@dataclass(slots=True)
class Outcome:
    """What an action did: how many, and why not the others."""

    done: int = 0
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class BaseAdmin(admin.ModelAdmin):
    """The manners that all admin classes share."""

    menu_order = 999
    """Place in the menu; a room stands where its first model stands."""
    object_actions: Sequence[str] = ()
    """Actions that the page of one object offers as buttons, too."""
    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    paginator = BoundedPaginator
    empty_value_display = DASH
    actions_selection_counter = True

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Title the list by what it lists."""
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    # --- actions ---

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Put what destroys last."""
        actions = super().get_actions(request)
        if "delete_selected" in actions:
            actions["delete_selected"] = actions.pop("delete_selected")
        return actions

    def act_on_each(
        self,
        request: HttpRequest,
        rows: Iterable[Any],
        act: Callable[[Any], object],
        *,
        done: str,
    ) -> Outcome:
        """Do `act` to each row and tell how many were done, skipped and failed, and why.

        `done` is the sentence of success with `%(count)d`. A refusal (AppError) is a skip; any
        other error is logged and counted as a failure, and the remaining rows go on.
        """
        outcome = Outcome()
        for row in rows:
            try:
                act(row)
            except AppError as refusal:
                outcome.skipped.append(f"{row}：{refusal.message}")
            except Exception as error:
                log.exception("action failed on %s %s", row._meta.label, row.pk)
                outcome.failed.append(f"{row}：{type(error).__name__}")
            else:
                outcome.done += 1
        self.tell(request, outcome, done=done)
        return outcome

    def tell(self, request: HttpRequest, outcome: Outcome, *, done: str) -> None:
        """Show an outcome as messages."""
        if outcome.done:
            self.message_user(request, done % {"count": outcome.done}, messages.SUCCESS)
        for reasons, sentence, level in (
            (outcome.skipped, _("跳过 %(count)d 条。%(reasons)s"), messages.WARNING),
            (outcome.failed, _("失败 %(count)d 条，详见日志。%(reasons)s"), messages.ERROR),
        ):
            if reasons:
                named = "；".join(reasons[:_NAMED_REFUSALS])
                more = " …" if len(reasons) > _NAMED_REFUSALS else ""
                self.message_user(request, sentence % {"count": len(reasons), "reasons": named + more}, level)

    def ask_first(
        self,
        request: HttpRequest,
        rows: Sequence[Any],
        *,
        action: str,
        title: str,
        question: str,
        lines: Iterable[str] = (),
        form: forms.Form | None = None,
        button: str,
    ) -> TemplateResponse:
        """Return the page that says what an action will do and asks for a yes.

        The yes comes back to the same action with `confirmed` in the form.
        """
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "question": question,
            "lines": list(lines),
            "rows": rows,
            "form": form,
            "button": button,
            "action": action,
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "object_id": request.POST.get("object_id", ""),
            "media": self.media + form.media if form else self.media,
        }
        return TemplateResponse(request, "admin/ask_first.html", context)

    def response_action(
        self, request: HttpRequest, queryset: models.QuerySet, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Return to where the button was (the list, the page of the object), unless the action leads on."""
        response = super().response_action(request, queryset, *args, **kwargs)
        object_id = request.POST.get("object_id")
        is_back = isinstance(response, HttpResponseRedirect) and response.url == request.get_full_path()
        if object_id and is_back:
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(name, args=[quote(object_id)]))
        return response

    def get_object_actions(self, request: HttpRequest, obj: Any) -> Sequence[str]:
        """Return the names of the actions that make sense for this object now."""
        return self.object_actions

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        allowed = self.get_actions(request) if obj is not None else {}
        wanted = self.get_object_actions(request, obj) if obj is not None else ()
        context["object_actions"] = [
            (name, allowed[name][2] % model_format_dict(self.opts)) for name in wanted if name in allowed
        ]
        context["object_actions_url"] = list_url(self.model)
        context["page_url"] = page_url(obj) if obj is not None else ""
        context["checkbox_name"] = helpers.ACTION_CHECKBOX_NAME
        return super().render_change_form(request, context, add, change, form_url, obj)


class ReadOnlyAdmin(BaseAdmin):
    """Rows that only the system writes: to be read, searched, filtered.

    Their actions ask for the permission `act`: whoever may change the model may act on it.
    """

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows of a history, under the object that they belong to."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.fields or ())  # type: ignore[arg-type]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
