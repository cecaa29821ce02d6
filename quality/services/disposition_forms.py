"""Keep the approval forms of dispositions: read their controls from WeCom, check the mapping, watch them."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from approvals import client, services
from approvals.services.reading import in_words
from quality import filling
from quality.models import DispositionControl, DispositionForm
from spc_site.errors import AppError


def watch(form: DispositionForm) -> None:
    """Have lost events of an active form's approvals looked for."""
    if form.is_active:
        services.watch(form.template_id, form.name)


def read_controls(form: DispositionForm) -> int:
    """Take over the controls that the form has in WeCom; return how many there are.

    What is written into a control stays; a new one gets what its title proposes; one that WeCom no
    longer has goes. Raises AppError where WeCom cannot be asked or does not know the form.
    """
    found = _at_wecom(form)
    with transaction.atomic():
        known = {control.control_id: control for control in form.controls.select_for_update()}
        for control in found:
            old = known.pop(control.control_id, None)
            control.form = form
            if old is not None:
                control.pk = old.pk
                control.text = old.text or control.text
            control.save()
        form.controls.filter(pk__in=[control.pk for control in known.values()]).delete()
    return len(found)


def check(form: DispositionForm) -> list[str]:
    """Return what is wrong with a mapping: as it stands here, and beside the form in WeCom."""
    mine = list(form.controls.all())
    problems = filling.problems_of(mine) + filling.differences(mine, _at_wecom(form))
    return list(dict.fromkeys(problems))


def _at_wecom(form: DispositionForm) -> list[DispositionControl]:
    answer = client.approvals().template(form.template_id)
    if not answer.outcome.ok:
        words = {"form": form.template_id, "why": in_words(answer.outcome)}
        raise AppError("wecom_failed", _("读取不到表单 %(form)s：%(why)s") % words)
    found = filling.described(answer.info)
    if not found:
        raise AppError("form_empty", _("企业微信没有给出表单的控件。"))
    return found
