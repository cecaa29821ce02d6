"""Approvals (审批): forms that people hand in, grant, refuse, withdraw; and what an application reads.

Every act raises `sys_approval_change`. Two things of WeCom that a caller may trip over are here on purpose:
a page of numbers may be short or empty and still have another one after it, and a comment after the
grant comes with the granted status again.
"""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from wecom.sandbox import rules
from wecom.sandbox.application import AppDesk
from wecom.sandbox.courier import Courier
from wecom.sandbox.desks import Answer, MediaShelf, refused, told
from wecom.sandbox.faults import Call, FaultPlan
from wecom.sandbox.forms import DEMO_TEMPLATES, Template, contents_of
from wecom.sandbox.ledger import Window

IN_REVIEW, GRANTED, REFUSED, WITHDRAWN, WITHDRAWN_AFTER_GRANT, DELETED, PAID = 1, 2, 3, 4, 6, 7, 10
APPROVAL_AGENT = 3010040  # the approval application, whoever's callback address it is
_RATE = 600
_SPAN_MOST_S = 31 * 24 * 3600
_PAGE_MOST = 100
_CLOCK_AHEAD = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person does to an approval: from which states, to which one, and the event it raises."""

    change: int
    sources: frozenset[int]
    status: int | None = None  # None: stays what it is


_EVER = frozenset({IN_REVIEW, GRANTED, REFUSED, WITHDRAWN, WITHDRAWN_AFTER_GRANT, PAID})
ACTS: Mapping[str, Act] = {
    "agree": Act(2, frozenset({IN_REVIEW}), GRANTED),
    "refuse": Act(3, frozenset({IN_REVIEW}), REFUSED),
    "forward": Act(4, frozenset({IN_REVIEW})),
    "remind": Act(5, frozenset({IN_REVIEW})),
    "withdraw": Act(6, frozenset({IN_REVIEW}), WITHDRAWN),
    "withdraw_granted": Act(8, frozenset({GRANTED, PAID}), WITHDRAWN_AFTER_GRANT),
    "comment": Act(10, _EVER),
    "pay": Act(14, frozenset({GRANTED}), PAID),
    "delete": Act(7, _EVER, DELETED),  # no page names the event of a deletion; its status is documented
}


@dataclass(slots=True)
class Form:
    """An approval that was handed in."""

    sp_no: str
    template: Template
    applicant: str
    party: str
    applied_at: int
    contents: list[dict[str, Any]]
    approver: str
    status: int = IN_REVIEW
    decided_at: int = 0
    events: list[tuple[int, str, str]] = field(default_factory=list)  # (when, act, who)
    comments: list[dict[str, Any]] = field(default_factory=list)
    is_ours: bool = False  # started by an application, not by a person

    def acts(self) -> list[str]:
        """Return what can be done to it now."""
        return [name for name, act in ACTS.items() if self.status in act.sources]

    def info(self) -> dict[str, Any]:
        """Return what `oa/getapprovaldetail` says."""
        node = self.status if self.status in (IN_REVIEW, GRANTED, REFUSED) else GRANTED
        return {
            "sp_no": self.sp_no,
            "sp_name": self.template.name,
            "sp_status": self.status,
            "template_id": self.template.id,
            "apply_time": self.applied_at,
            "applyer": {"userid": self.applicant, "partyid": self.party},
            "sp_record": [
                {
                    "sp_status": node,
                    "approverattr": 1,
                    "details": [
                        {
                            "approver": {"userid": self.approver},
                            "speech": "",
                            "sp_status": node,
                            "sptime": self.decided_at,
                            "media_id": [],
                        }
                    ],
                }
            ],
            "notifyer": [],
            "comments": list(self.comments),
            "apply_data": {"contents": self.contents},
        }

    def event(self, corp_id: str, at: int, act: Act, who: str) -> str:
        """Return the XML of the event that an act raises; it says nothing of the form."""
        return (
            f"<xml><ToUserName><![CDATA[{corp_id}]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>"
            f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[sys_approval_change]]></Event><AgentID>{APPROVAL_AGENT}</AgentID>"
            f"<ApprovalInfo><SpNoStr><![CDATA[{self.sp_no}]]></SpNoStr><SpNo>{self.sp_no}</SpNo>"
            f"<SpName><![CDATA[{self.template.name}]]></SpName><SpStatus>{self.status}</SpStatus>"
            f"<TemplateId><![CDATA[{self.template.id}]]></TemplateId><ApplyTime>{self.applied_at}</ApplyTime>"
            f"<Applyer><UserId><![CDATA[{self.applicant}]]></UserId>"
            f"<Party><![CDATA[{self.party}]]></Party></Applyer>"
            f"<SpRecord><SpStatus>{self.status}</SpStatus><ApproverAttr>1</ApproverAttr><Details><Approver>"
            f"<UserId><![CDATA[{_cdata(who)}]]></UserId></Approver><Speech/><SpStatus>{self.status}</SpStatus>"
            f"<SpTime>{at}</SpTime></Details></SpRecord>"
            f"<StatuChangeEvent>{act.change}</StatuChangeEvent></ApprovalInfo></xml>"
        )


def _cdata(text: str) -> str:
    return text.replace("]]>", "]] >")


class ApprovalDesk:
    """The approvals of one company."""

    def __init__(
        self,
        apps: AppDesk,
        *,
        courier: Courier,
        faults: FaultPlan,
        media: MediaShelf,
        clock: Callable[[], float],
        on_change: Callable[[], None],
        templates: Collection[Template] = DEMO_TEMPLATES,
    ) -> None:
        self.templates = {template.id: template for template in templates}
        self._apps = apps
        self._courier = courier
        self._faults = faults
        self._media = media
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.RLock()
        self._forms: dict[str, Form] = {}
        self._numbers = itertools.count(1)
        self._windows: dict[str, Window] = defaultdict(lambda: Window(_RATE, 60.0, clock))

    # --- what people do -------------------------------------------------------------------------------

    def forms(self) -> list[Form]:
        """Return what was handed in, newest first."""
        with self._lock:
            return list(reversed(self._forms.values()))

    def find(self, sp_no: str) -> Form:
        """Return one approval; raises ValueError for a number that is none."""
        with self._lock:
            if sp_no not in self._forms:
                raise ValueError(f"there is no approval {sp_no}")
            return self._forms[sp_no]

    def hand_in(
        self,
        template_id: str,
        typed: Mapping[str, str],
        *,
        applicant: str = "wang.min",
        party: str = "2",
        files: Mapping[str, bytes] | None = None,
    ) -> Form:
        """Hand a form in, as a person does in WeCom."""
        template = self._template(template_id)
        owner = self._corp()
        ids = [self._media.put(owner, "file", name, data).media_id for name, data in (files or {}).items()]
        return self._add(template, applicant, party, contents_of(template, typed, ids))

    def act(self, sp_no: str, name: str, *, who: str = "boss.li", text: str = "") -> Form:
        """Do something to an approval and raise its event; raises ValueError for what cannot be done."""
        with self._lock:
            form = self.find(sp_no)
            if name not in ACTS or name not in form.acts():
                raise ValueError(f"{name} is not possible now")
            act, now = ACTS[name], int(self._clock())
            if act.status is not None:
                form.status, form.decided_at = act.status, now
            if name == "comment":
                form.comments.append(
                    {
                        "commentUserInfo": {"userid": who},
                        "commenttime": now,
                        "commentcontent": text,
                        "commentid": secrets.token_hex(8),
                        "media_id": [],
                    }
                )
            elif name == "forward":
                form.approver = who
            form.events.append((now, name, who))
            xml = form.event(self._corp(), now, act, who)
        self._courier.send(xml, f"{sp_no} · {name}")
        self._on_change()
        return form

    def _add(
        self,
        template: Template,
        applicant: str,
        party: str,
        contents: list[dict[str, Any]],
        *,
        is_ours: bool = False,
        approver: str = "boss.li",
    ) -> Form:
        now = int(self._clock())
        with self._lock:
            day = datetime.fromtimestamp(now, UTC) + _CLOCK_AHEAD
            sp_no = f"{day:%Y%m%d}{next(self._numbers):04}"
            form = Form(sp_no, template, applicant, party, now, contents, approver, is_ours=is_ours)
            form.events.append((now, "submit", applicant))
            self._forms[sp_no] = form
            xml = form.event(self._corp(), now, Act(1, frozenset()), applicant)
        self._courier.send(xml, f"{sp_no} · submit")
        self._on_change()
        return form

    def _corp(self) -> str:
        return self._apps.apps[0].corp_id if self._apps.apps else ""

    def _template(self, template_id: object) -> Template:
        found = self.templates.get(str(template_id))
        if found is None:
            raise ValueError(f"there is no form {template_id}")
        return found

    # --- what an application calls ----------------------------------------------------------------------

    def call(self, access_token: str, path: str, raw: bytes) -> Answer:
        """Answer one of the calls below `oa/`."""
        answers: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "gettemplatedetail": self._template_detail,
            "applyevent": self._apply,
            "getapprovaldetail": self._detail,
            "getapprovalinfo": self._numbers_of,
        }
        kind = Call.APPLY if path == "applyevent" else Call.APPROVAL
        self._apps.calls[path] += 1
        fault = self._faults.pick(kind, self._apps.secret_of(access_token))
        if fault is not None and not fault.is_taken:
            return told(refused(fault.errcode), fault)
        try:
            self._apps.app_of(access_token)
            if path not in answers:
                raise rules.Refusal(-1, "no such call")
            if not self._windows[path].take():
                raise rules.Refusal(45009, "api freq out of limit")
            body = answers[path](rules.parse(raw))
        except rules.Refusal as refusal:
            body = refused(refusal.errcode, refusal.errmsg)
        return told(body, fault)

    def _template_detail(self, data: Mapping[str, Any]) -> dict[str, Any]:
        found = self.templates.get(str(data.get("template_id", "")))
        if found is None:
            raise rules.Refusal(301025, "template not found")
        return found.detail()

    def _detail(self, data: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            form = self._forms.get(str(data.get("sp_no", "")))
            if form is None:
                raise rules.Refusal(301025, "invalid sp_no")
            # As text and back: the caller's copy does not change with the form.
            return {"errcode": 0, "errmsg": "ok", "info": json.loads(json.dumps(form.info()))}

    def _numbers_of(self, data: Mapping[str, Any]) -> dict[str, Any]:
        start, end = _whole(data.get("starttime")), _whole(data.get("endtime"))
        size = data.get("size", _PAGE_MOST)
        if start is None or end is None or end <= start:
            raise rules.Refusal(301025, "invalid starttime or endtime")
        if end - start > _SPAN_MOST_S:
            raise rules.Refusal(301112, "the time range is over 31 days")
        if not isinstance(size, int) or not 1 <= size <= _PAGE_MOST:
            raise rules.Refusal(301025, "size must be 1 to 100")
        wanted = _filters(data.get("filters") or [])
        first = _place(data.get("new_cursor", ""))
        with self._lock:
            rows = [form for form in self._forms.values() if start <= form.applied_at <= end]
        # The filters act on a page after it was cut, so that a page may be short, or empty.
        page = [form for form in rows[first : first + size] if _fits(form, wanted)]
        answer: dict[str, Any] = {
            "errcode": 0,
            "errmsg": "ok",
            "sp_no_list": [form.sp_no for form in page],
        }
        if first + size < len(rows):
            answer["new_next_cursor"] = base64.b64encode(str(first + size).encode()).decode()
        return answer

    def _apply(self, data: Mapping[str, Any]) -> dict[str, Any]:
        template = self.templates.get(str(data.get("template_id", "")))
        creator = data.get("creator_userid")
        apply_data = data.get("apply_data")
        contents = apply_data.get("contents") if isinstance(apply_data, dict) else None
        if template is None or not isinstance(creator, str) or not creator or not isinstance(contents, list):
            raise rules.Refusal(301025, "creator_userid, template_id or apply_data is invalid")
        if data.get("use_template_approver") not in (0, 1):
            raise rules.Refusal(301025, "use_template_approver is invalid")
        nodes = (data.get("process") or {}).get("node_list") or []
        if data["use_template_approver"] == 0 and not nodes:
            raise rules.Refusal(301025, "process.node_list is empty")
        if not self._apps.exists(creator):
            raise rules.Refusal(60111, "userid not found")
        given = {str(control.get("id")): control for control in contents if isinstance(control, dict)}
        for control in template.controls:
            if control.required and control.id not in given:
                raise rules.Refusal(301025, f"control {control.id} is required")
        filled = [
            control.taken(given[control.id].get("value") or {})
            for control in template.controls
            if control.id in given
        ]
        for one in filled:
            if one["control"] == "Text" and "\n" in str(one["value"].get("text", "")):
                raise rules.Refusal(301025, f"control {one['id']} takes no newline")
        approver = next(
            (node["userid"][0] for node in nodes if node.get("type") == 1 and node.get("userid")), ""
        )
        form = self._add(template, creator, "2", filled, is_ours=True, approver=approver or "boss.li")
        return {"errcode": 0, "errmsg": "ok", "sp_no": form.sp_no}


def _whole(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() else None


def _place(cursor: object) -> int:
    if cursor == "":
        return 0
    try:
        return int(base64.b64decode(str(cursor), validate=True))
    except ValueError:
        raise rules.Refusal(301025, "invalid new_cursor") from None


def _filters(rows: object) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for row in rows if isinstance(rows, list) else []:
        key = row.get("key") if isinstance(row, dict) else None
        if key not in ("template_id", "creator", "sp_status", "department", "record_type") or key in wanted:
            raise rules.Refusal(301025, "invalid filters")
        wanted[str(key)] = str(row.get("value", ""))
    return wanted


def _fits(form: Form, wanted: Mapping[str, str]) -> bool:
    facts = {
        "template_id": form.template.id,
        "creator": form.applicant,
        "sp_status": str(form.status),
        "department": form.party,
    }
    return all(facts.get(key, value) == value for key, value in wanted.items())
