"""What the page's buttons and scripts can do to the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from wecom.sandbox.courier import Mishap
from wecom.sandbox.words import DRILLS

if TYPE_CHECKING:
    from wecom.sandbox.server import SandboxServer

SAMPLE_FILE = ("报价单.txt", "无锡示例轴承厂 报价单\n6204 18.00 元/件\n".encode())
"""What the page attaches to a form."""

_PAGES = {"": "/", "approvals": "/approvals"}


@dataclass(frozen=True, slots=True)
class Back:
    """Where a form of the page returns to."""

    page: str
    query: dict[str, str]

    def address(self) -> str:
        """Return the address."""
        return f"{_PAGES.get(self.page, '/')}?{urlencode(self.query)}"


def form(body: bytes) -> dict[str, Any]:
    """Return the fields of a form."""
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8")).items()}


def back(data: dict[str, Any]) -> Back:
    """Take out of a control what says where its page was."""
    query = {
        name: str(data.pop(f"view_{name}"))
        for name in ("lang", "group", "view", "no")
        if f"view_{name}" in data
    }
    return Back(str(data.pop("view_page", "")), query)


def act(sandbox: SandboxServer, data: dict[str, Any]) -> dict[str, Any]:
    """Do what a control asks for; raises ValueError for what makes no sense."""
    match data.pop("action", "fail"):
        case "fail":
            if robot := data.pop("robot", ""):
                data["key"] = sandbox.key_named(str(robot))
            data |= DRILLS.get(data.pop("drill", ""), {})
            return {"number": sandbox.fail(**{"mode": "", **data})}
        case "mend":
            number = data.get("number")
            sandbox.mend(int(number) if number is not None else None)
        case "forget":
            sandbox.ledger.forget()
        case "expire_tokens":
            sandbox.apps.expire_tokens()
        case "withdraw_tokens":
            sandbox.apps.withdraw_tokens()
        case "unknown_users":
            users = data.get("users", [])
            if not isinstance(users, list):
                raise ValueError("users must be a list")
            sandbox.apps.unknown = {str(user).lower() for user in users}
        case "hand_in":
            return {"sp_no": _hand_in(sandbox, data)}
        case "approve":
            text = str(data.get("text", ""))
            sandbox.approvals.act(
                str(data.get("sp_no")), str(data.get("act")), who=str(data.get("who") or "boss.li"), text=text
            )
        case "click":
            sandbox.cards.click(
                int(data.get("agent") or 0),
                str(data.get("task_id")),
                str(data.get("key")),
                str(data.get("who") or "boss.li"),
            )
        case "mishap":
            sandbox.courier.arm(Mishap(str(data.get("mode"))), int(data.get("times") or 1))
        case "no_mishaps":
            sandbox.courier.disarm()
        case other:
            raise ValueError(f"unknown action {other}")
    return {"done": True}


def _hand_in(sandbox: SandboxServer, data: dict[str, Any]) -> str:
    typed = {
        name.removeprefix("field."): str(text) for name, text in data.items() if name.startswith("field.")
    }
    files = dict([SAMPLE_FILE]) if data.get("with_file") else {}
    handed_in = sandbox.approvals.hand_in(
        str(data.get("template")), typed, applicant=str(data.get("who") or "wang.min"), files=files
    )
    return handed_in.sp_no
