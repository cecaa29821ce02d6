"""Reports that failed, people who may ask, and the sandbox's form of a concession mapped."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from accounts.models import Profile
from quality import filling
from quality.kinds import IQC, Kind
from quality.models import Disposition, DispositionForm
from quality.services import dispositions
from quality.services.judgement import judge_report
from tests import builders
from wecom.sandbox.forms import CONCESSION

BAD = [*["10.00", "10.01", "9.99", "10.02"] * 5, "10.30"]
REASON = "装配间隙允许，不影响使用"


def failed_report(kind: Kind = IQC, *, bad: int = 1, **fields: Any) -> Any:
    """A judged report with so many abnormal entries, whose alarms are open, and one good entry."""
    report = builders.report(kind, quantity="5,000 pcs", **fields)
    for number in range(bad):
        builders.entry(report, values=BAD, name=f"内径{number + 1}")
    builders.entry(report, name="厚度")
    judge_report(report)
    report.refresh_from_db()
    return report


def asker(*roles: str, userid: str = "lin.qc") -> User:
    """A person whom WeCom knows."""
    user = builders.person(*(roles or ("质检员",)), first_name="林检")
    Profile.objects.create(user=user, wecom_userid=userid)
    return user


def form(**fields: Any) -> DispositionForm:
    """The form of the sandbox with the mapping that its titles propose."""
    row = DispositionForm.objects.create(**{"name": "让步接收申请", "template_id": CONCESSION.id} | fields)
    for control in filling.described(CONCESSION.detail()):
        control.form = row
        control.save()
    return row


def ask(report: Any, user: User, **fields: Any) -> Disposition:
    """Ask for a concession."""
    return dispositions.propose(
        report,
        **{"decision": "concession", "quantity": "5000", "unit": "pcs", "reason": REASON} | fields,
        user=user,
    )
