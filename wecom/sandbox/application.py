"""Applications: `gettoken`, `message/send` and `media/upload`, with their tokens and recipients."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from wecom.payloads import printable
from wecom.sandbox import rules
from wecom.sandbox.cards import CardBook
from wecom.sandbox.desks import Answer, MediaShelf, is_told, refused, told, uploaded
from wecom.sandbox.faults import Call, Fault, FaultPlan, Mode
from wecom.sandbox.ledger import Ledger, Received, Window

_DUPLICATE_SPAN_S = 1800
_DUPLICATE_SPAN_MOST_S = 4 * 3600
_DIGESTS_KEPT = 100_000
_WRONG_SECRETS = 10  # the vendor states no number for "many"; the block lasts an hour
_WRONG_SECRETS_SPAN_S = 3600.0
_PER_MEMBER = 30  # a minute; more is dropped without a word
_PER_MEMBER_AND_HOUR = 1000
_UPLOAD_LIMITS = {
    "file": rules.FILE_LIMIT,
    "image": 10 * 1024 * 1024,
    "video": 10 * 1024 * 1024,
    "voice": rules.IMAGE_LIMIT,
}


@dataclass(frozen=True, slots=True)
class App:
    """One application as WeCom's back office shows it."""

    corp_id: str
    secret: str
    agent_id: int


DEPARTMENTS = {"1": "示例制造", "2": "采购部", "3": "质量部"}
"""By their numbers."""


@dataclass(slots=True)
class _Token:
    app: App
    until: float
    is_withdrawn: bool = False


class _Member:
    """How many messages one member gets: what is over the limits is dropped without a word."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._minute = Window(_PER_MEMBER, 60.0, clock)
        self._hour = Window(_PER_MEMBER_AND_HOUR, 3600.0, clock)

    def take(self) -> bool:
        return self._hour.used() < _PER_MEMBER_AND_HOUR and self._minute.take() and self._hour.take()


class AppDesk:
    """What an application may call; `users` is the address book (None: everybody but the unknown).

    `unknown` names who does not exist: userids, `party:2`, `tag:7`.
    """

    def __init__(
        self,
        apps: Collection[App],
        *,
        ledger: Ledger,
        faults: FaultPlan,
        media: MediaShelf,
        cards: CardBook,
        clock: Callable[[], float],
        token_life_s: int = 7200,
        users: Collection[str] | None = None,
        unknown: Collection[str] = (),
    ) -> None:
        self.apps = tuple(apps)
        self.users = None if users is None else {user.lower() for user in users}
        self.unknown = {name.lower() for name in unknown}
        self.calls: Counter[str] = Counter()
        self._ledger = ledger
        self._faults = faults
        self._media = media
        self._cards = cards
        self._clock = clock
        self._token_life_s = token_life_s
        self._lock = threading.Lock()
        self._tokens: dict[str, _Token] = {}
        self._wrong_secrets = Window(_WRONG_SECRETS, _WRONG_SECRETS_SPAN_S, clock)
        self._members: dict[str, _Member] = defaultdict(lambda: _Member(clock))
        self._sent: dict[bytes, tuple[float, str]] = {}

    # --- tokens -----------------------------------------------------------------------------------------

    def gettoken(self, corp_id: str, secret: str) -> Answer:
        """Give the application its token: the same one while it is valid."""
        fault = self._faults.pick(Call.TOKEN, secret)
        with self._lock:
            self.calls[Call.TOKEN.value] += 1
            if fault is not None and not fault.is_taken:
                return told(refused(fault.errcode), fault)
            return told(self._token_for(corp_id, secret), fault)

    def _token_for(self, corp_id: str, secret: str) -> dict[str, Any]:
        if not corp_id:
            return refused(41002, "corpid missing")
        if not secret:
            return refused(41004, "corpsecret missing")
        if self._wrong_secrets.used() >= _WRONG_SECRETS:
            return refused(45009)
        if corp_id not in {app.corp_id for app in self.apps}:
            return refused(40013, "invalid corpid")
        app = next((app for app in self.apps if (app.corp_id, app.secret) == (corp_id, secret)), None)
        if app is None:
            self._wrong_secrets.take()
            return refused(40001, "invalid credential")
        now = self._clock()
        for text, token in self._tokens.items():
            if token.app == app and not token.is_withdrawn and token.until > now:
                return _granted(text, int(token.until - now))
        text = secrets.token_urlsafe(160)
        self._tokens[text] = _Token(app, now + self._token_life_s)
        return _granted(text, self._token_life_s)

    def expire_tokens(self) -> None:
        """Let every token run out: the next call answers 42001."""
        with self._lock:
            for token in self._tokens.values():
                token.until = self._clock()

    def withdraw_tokens(self) -> None:
        """Take every token back before its time: the next call answers 40014."""
        with self._lock:
            for token in self._tokens.values():
                token.is_withdrawn = True

    def app_of(self, access_token: str) -> App:
        """Return the application of a token; refuses like WeCom (41001, 40014, 42001)."""
        if not access_token:
            raise rules.Refusal(41001, "access_token missing")
        token = self._tokens.get(access_token)
        if token is None or token.is_withdrawn:
            raise rules.Refusal(40014, "invalid access_token")
        if self._clock() >= token.until:
            raise rules.Refusal(42001, "access_token expired")
        return token.app

    def secret_of(self, access_token: str) -> str:
        """Return whose token this is, by the secret that faults are limited by; empty for nobody's."""
        token = self._tokens.get(access_token)
        return token.app.secret if token else ""

    # --- messages ---------------------------------------------------------------------------------------

    def send(self, access_token: str, raw: bytes) -> Answer:
        """Take a message for people."""
        with self._lock:
            self.calls[Call.MESSAGE.value] += 1
            token = self._tokens.get(access_token)
            secret = token.app.secret if token else ""
            fault = self._faults.pick(Call.MESSAGE, secret)
            owner = token.app.corp_id if token else ""
            checked = rules.check_application(
                raw, lambda media_id: self._media.name_and_size(owner, media_id)
            )
            body, group, shown = self._decide(access_token, raw, checked, fault)
            self._ledger.add(
                Received(
                    id=0,
                    at=self._clock(),
                    call=Call.MESSAGE.value,
                    group=group,
                    robot=0,
                    msgtype=checked.msgtype,
                    content=printable(checked.content),
                    size=checked.size,
                    limit=checked.limit,
                    errcode=body["errcode"] if is_told(fault) else None,
                    errmsg=body["errmsg"],
                    shown=shown,
                    raw=raw.decode("utf-8", "replace"),
                    fault=fault.label if fault else "",
                    missed=_all_missed(body),
                ),
            )
            return told(body, fault)

    def _decide(
        self, access_token: str, raw: bytes, checked: rules.Checked, fault: Fault | None
    ) -> tuple[dict[str, Any], str, bool]:
        """Return the answer, the recipients' names, and whether the message is shown to anybody."""
        group = ""
        try:
            data = rules.parse(raw)
            recipients = rules.check_recipients(data)
            group = " | ".join([*recipients["touser"], *_groups(recipients)])
            if fault is not None and not fault.is_taken:
                body = refused(fault.errcode) if fault.mode is Mode.ERRCODE else refused(0, "not taken")
                return body, group, False
            app = self.app_of(access_token)
            if data.get("agentid") != app.agent_id or isinstance(data.get("agentid"), bool):
                raise rules.Refusal(301002, "not allow operate another agent with this accesstoken")
            if rules.needs_callback(data) and not self._cards.has_callback:
                raise rules.Refusal(43012, "callback url is not configured")
            if checked.errcode:
                raise rules.Refusal(checked.errcode, checked.errmsg)
            reached, missed = self._reach(recipients)
            if not reached:
                raise rules.Refusal(81013, "user & party & tag all invalid")
        except rules.Refusal as refusal:
            return refused(refusal.errcode, refusal.errmsg), group, False
        msgid = secrets.token_urlsafe(32)
        earlier = self._earlier(app, data, raw, msgid)
        answer = {
            "errcode": 0,
            "errmsg": "ok",
            "invaliduser": "|".join(missed["touser"]),
            "invalidparty": "|".join(missed["toparty"]),
            "invalidtag": "|".join(missed["totag"]),
            "unlicenseduser": "",
            "msgid": earlier or msgid,
        }
        if earlier:
            return answer, group, False
        if rules.needs_callback(data):
            try:
                readers = [*recipients["touser"], *_groups(recipients)]
                code = self._cards.issue(app.corp_id, app.agent_id, data["template_card"], readers)
            except rules.Refusal as refusal:
                return refused(refusal.errcode, refusal.errmsg), group, False
            answer["response_code"] = code
        # More than 30 a minute for one member are dropped without an error; parties and tags are shown.
        takers = [name for name in recipients["touser"] if name in reached and self._members[name].take()]
        return answer, group, bool(takers or any(name in reached for name in _groups(recipients)))

    def _reach(self, recipients: Mapping[str, list[str]]) -> tuple[list[str], dict[str, list[str]]]:
        """Part the recipients into those who exist and those who do not, lower-cased as WeCom does."""
        missed: dict[str, list[str]] = {"touser": [], "toparty": [], "totag": []}
        if "@all" in recipients["touser"]:
            return ["@all"], missed
        missed["touser"] = [name.lower() for name in recipients["touser"] if not self.exists(name.lower())]
        for field, kind in (("toparty", "party"), ("totag", "tag")):
            missed[field] = [name for name in recipients[field] if f"{kind}:{name}".lower() in self.unknown]
        reached = [name for name in recipients["touser"] if name.lower() not in missed["touser"]]
        gone = {f"party:{name}" for name in missed["toparty"]} | {f"tag:{name}" for name in missed["totag"]}
        return [*reached, *(name for name in _groups(recipients) if name not in gone)], missed

    def exists(self, user: str) -> bool:
        """Say whether the address book knows a member."""
        user = user.lower()
        return user not in self.unknown and (self.users is None or user in self.users)

    def _earlier(self, app: App, data: Mapping[str, Any], raw: bytes, msgid: str) -> str:
        """Return the id of the same request within its interval, where the duplicate check is on."""
        if data.get("enable_duplicate_check") != 1:
            return ""
        span = data.get("duplicate_check_interval", _DUPLICATE_SPAN_S)
        span_s = min(
            span if isinstance(span, int) and span > 0 else _DUPLICATE_SPAN_S, _DUPLICATE_SPAN_MOST_S
        )
        digest = hashlib.sha256(f"{app.agent_id}\0".encode() + raw).digest()
        now = self._clock()
        at, earlier = self._sent.get(digest, (0.0, ""))
        if earlier and now - at < span_s:
            return earlier
        if len(self._sent) >= _DIGESTS_KEPT:
            self._sent = {
                key: row for key, row in self._sent.items() if now - row[0] < _DUPLICATE_SPAN_MOST_S
            }
        self._sent[digest] = (now, msgid)
        return ""

    def update_card(self, access_token: str, raw: bytes) -> Answer:
        """Change a card that was sent, for everybody who got it."""
        self.calls[Call.CARD.value] += 1
        fault = self._faults.pick(Call.CARD, self.secret_of(access_token))
        if fault is not None and not fault.is_taken:
            return told(refused(fault.errcode), fault)
        try:
            app, data = self.app_of(access_token), rules.parse(raw)
            if data.get("agentid") != app.agent_id:
                raise rules.Refusal(301002, "not allow operate another agent with this accesstoken")
            return told(self._cards.update(app.agent_id, data), fault)
        except rules.Refusal as refusal:
            return told(refused(refusal.errcode, refusal.errmsg), fault)

    # --- files ------------------------------------------------------------------------------------------

    def upload(self, access_token: str, media_type: str, name: str | None, data: bytes) -> Answer:
        """Take a file; it serves all applications of the company for three days."""
        with self._lock:
            self.calls[Call.UPLOAD.value] += 1
            fault = self._faults.pick(Call.UPLOAD, self.secret_of(access_token))
            if fault is not None and not fault.is_taken:
                return told(refused(fault.errcode), fault)
            try:
                app = self.app_of(access_token)
                rules.check_upload(media_type, name, data, allowed=_UPLOAD_LIMITS)
            except rules.Refusal as refusal:
                return told(refused(refusal.errcode, refusal.errmsg), fault)
            return told(uploaded(self._media.put(app.corp_id, media_type, name or "", data)), fault)

    def department(self, access_token: str, number: str) -> Answer:
        """Name a department, if there is one and the application may see it."""
        try:
            self.app_of(access_token)
            if f"party:{number}" in self.unknown or number not in DEPARTMENTS:
                raise rules.Refusal(60123, "invalid party id")
        except rules.Refusal as refusal:
            return told(refused(refusal.errcode, refusal.errmsg), None)
        found = {"id": int(number), "name": DEPARTMENTS[number], "parentid": 1, "order": 1}
        return told({"errcode": 0, "errmsg": "ok", "department": found}, None)

    def download(self, access_token: str, media_id: str) -> Answer:
        """Give a file back: the bytes themselves, or JSON that says why not."""
        self.calls[Call.DOWNLOAD.value] += 1
        fault = self._faults.pick(Call.DOWNLOAD, self.secret_of(access_token))
        if fault is not None:
            return told(refused(fault.errcode), fault)
        try:
            app = self.app_of(access_token)
        except rules.Refusal as refusal:
            return told(refused(refusal.errcode, refusal.errmsg), None)
        stored, kept = self._media.find(app.corp_id, media_id), self._media.data(media_id)
        if stored is None or kept is None:
            return told(refused(40007, "invalid media_id"), None)
        # The name as WeCom writes it: plain UTF-8 bytes between quotes, which HTTP reads as Latin-1.
        name = kept[0].replace('"', "%22").encode().decode("latin-1")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Answer(kept[1], content_type="application/octet-stream", headers=headers)


def _groups(recipients: Mapping[str, list[str]]) -> list[str]:
    """Return parties and tags under names that no userid has."""
    return [
        *(f"party:{name}" for name in recipients["toparty"]),
        *(f"tag:{name}" for name in recipients["totag"]),
    ]


def _all_missed(body: Mapping[str, Any]) -> str:
    """Return everybody whom an answer names as not reached."""
    fields = (("invaliduser", ""), ("invalidparty", "party:"), ("invalidtag", "tag:"))
    return "|".join(
        mark + name for field, mark in fields for name in str(body.get(field, "")).split("|") if name
    )


def _granted(token: str, expires_in: int) -> dict[str, Any]:
    return {"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": expires_in}
