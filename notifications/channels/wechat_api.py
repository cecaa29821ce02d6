"""Messages of a WeCom application, to people, departments and tags.

A target names them, parted by `|` (or commas and spaces): `lin.qc|wang` two people by their
userids, `party:2` a department, `tag:7` a tag, `@all` everybody whom the application may reach.
`lin.qc|party:2` mixes them. A long list goes out in several messages, at most 255 characters of
the target in each.

The same payload sent again within four hours is shown once (WeCom's duplicate check), so a lost
answer is asked for again without a double. WeCom drops in silence what is over 30 a minute and
1,000 an hour for one member; `admit` stays below. Who is in a department, a tag or `@all` is not
known here and not counted.
"""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import media, texts, uploads
from notifications.channels._outcomes import from_outcome
from notifications.channels._targets import LENGTH, in_lots, names_in
from notifications.channels.base import (
    Button,
    Credential,
    Driver,
    Form,
    NotConfigured,
    Probe,
    Result,
    Unusable,
    credential_name,
    register,
)
from notifications.choices import ChannelCode, Reason, Style
from notifications.models import Attachment, MemberLoad
from notifications.policy import Decision
from notifications.tokens import RowTokenStore
from spc_site import clock
from spc_site.sealed import masked
from wecom import app as protocol
from wecom import cards
from wecom.app import App, Recipients
from wecom.errors import Action, Outcome, PayloadError
from wecom.payloads import Payload

log = logging.getLogger("notifications.wechat_api")

MEMBER_LIMITS = ((30, 61.0), (1000, 3601.0))
"""Messages for one member and the seconds they are counted over; one second is for the way."""

_USERID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_NUMBERED = re.compile(r"(party|tag):(\d{1,10})")
_SETTINGS = ("WECHAT_CORP_ID", "WECHAT_CORP_SECRET", "WECHAT_AGENT_ID")

_DECISIONS = {
    Action.NONE: Decision.SENT,
    Action.RECIPIENTS: Decision.SENT,
    Action.RETRY: Decision.RETRY,
    Action.WAIT: Decision.WAIT,
    Action.CHANNEL_DEAD: Decision.CHANNEL_DEAD,
    Action.UNCERTAIN: Decision.UNCERTAIN,
}
"""Every other action is the end of this message."""

_NOBODY = frozenset({40003, 60111, 60021, 46004, 81013, 82001, 60011, 50002})
"""Codes that say: none of the recipients can be reached."""
_TASK_ID_USED = 42014


@dataclass(frozen=True, slots=True)
class Application:
    """The application of the settings."""

    base_url: str
    corp_id: str
    agent_id: int
    secret: str = field(repr=False)

    @property
    def name(self) -> str:
        return credential_name(
            ChannelCode.WECHAT_API, self.base_url, self.corp_id, self.agent_id, self.secret
        )

    def client(self, timeout_s: float) -> App:
        """Return the protocol's client, with the token that all processes share."""
        return App(
            self.base_url,
            self.corp_id,
            self.secret,
            self.agent_id,
            tokens=RowTokenStore(self.name, lease_s=3 * timeout_s),
            timeout=(min(3, timeout_s), timeout_s),
        )


@register
class WechatApi(Driver):
    """Sends to people through an application."""

    code = ChannelCode.WECHAT_API.value
    label = ChannelCode.WECHAT_API.label
    limits_recipients = True
    target_help = gettext_lazy("userid，多个用 | 分隔；部门 party:2，标签 tag:7，全体 @all")

    def compose(
        self, title: str, content: str, target: str, form: Form, attachments: Sequence[Attachment] = ()
    ) -> list[str]:
        """Return one frozen payload per message: content, recipients and duplicate check.

        A card stands for the whole text, however long that is: it is the beginning, and opens the page.
        """
        if form.style == Style.CARD and form.button is not None and has_callback():
            card = _card(title, content, target, form.button)
            if card is not None:
                return [card, *uploads.attached(attachments, image_limit=protocol.IMAGE_LIMIT)]
        written = texts.write(
            title, content, style=form.style, overflow=form.overflow, limit=protocol.CONTENT_LIMIT
        )
        body = protocol.text if form.style == Style.PLAIN else protocol.markdown
        payloads = [_frozen(body(part), target).json for part in written.parts]
        if written.file:
            payloads.append(uploads.text_file(title, written.file))
        return payloads + uploads.attached(attachments, image_limit=protocol.IMAGE_LIMIT)

    def credentials(self, target: str) -> Sequence[Credential]:
        ours = application()
        label = f"{ours.corp_id} / {ours.agent_id} {masked(ours.secret)}"
        return [Credential(ours.name, label=label, handle=ours)]

    def deliver(
        self, payload: str, target: str, credential: Credential, *, timeout_s: float, message_id: str = ""
    ) -> Result:
        if problem := self.target_problem(target):
            return Result(Decision.DEAD, problem, reason=Reason.RECIPIENT)
        app: App = credential.handle.client(timeout_s)
        reference = uploads.reference(payload)
        try:
            if reference is None:
                return _result(app.send(_of_agent(Payload.thaw(payload), app.agent_id)))
            file = media.file_of(reference)
            if file is None:
                return Result(Decision.DEAD, _("附件已被清理，无法发送"), reason=Reason.REFUSED)
            body = protocol.image if reference.msgtype == "image" else protocol.file
            return _result(
                media.show_file(
                    file,
                    owner=credential.name,
                    upload=lambda: app.upload_media(file.name, file.data, media_type=reference.msgtype),
                    send=lambda media_id: app.send(_frozen(body(media_id), target, app.agent_id)),
                )
            )
        except PayloadError as error:
            return Result(
                Decision.DEAD, _("消息不合要求：%(error)s") % {"error": error}, reason=Reason.REFUSED
            )

    def check(self) -> Mapping[str, str]:
        missing = [name for name in _SETTINGS if not getattr(settings, name)]
        if missing:
            return {name: _("没有设置 %(name)s") % {"name": name} for name in missing}
        try:
            application().client(1)
        except ValueError as error:
            return {"WECHAT_API_BASE_URL": str(error)}
        return {}

    def is_set_up(self) -> bool:
        return any(getattr(settings, name) for name in _SETTINGS)

    def probe(self, *, timeout_s: float) -> Probe:
        """Ask for a token anew: the call that proves address, corp id and secret."""
        try:
            problem = application().client(timeout_s).probe()
        except NotConfigured as missing:
            return Probe(False, str(missing), is_lasting=True)
        if problem is None:
            return Probe(True, _("取得了 access_token"))
        return Probe(False, problem.explanation, is_lasting=problem.action is Action.CHANNEL_DEAD)

    def pool(self) -> Sequence[Credential]:
        try:
            return self.credentials("")
        except NotConfigured:
            return []

    def lots(self, target: str) -> list[str]:
        """Return the list in pieces that fit a row, which is far below what WeCom takes in one call."""
        names = names_in(target)
        if self.target_problem(target):
            return [target[:LENGTH]]
        return in_lots(names, "|")

    def target_problem(self, target: str) -> str:
        names = names_in(target)
        if not names:
            return _("没有写明收件人")
        wrong = [
            name
            for name in names
            if name != "@all" and not _NUMBERED.fullmatch(name) and not _USERID.fullmatch(name)
        ]
        return _("收件人写法不对：%(names)s") % {"names": "、".join(wrong)[:120]} if wrong else ""

    def admit(self, target: str) -> float:
        """Take a place for each member that is named; else return how long to wait. Three queries."""
        users = [] if self.target_problem(target) else recipients(target).users
        if not users or users == ("@all",):
            return 0.0
        corp = settings.WECHAT_CORP_ID
        names = sorted({hashlib.sha256(f"{corp}|{user.lower()}".encode()).hexdigest() for user in users})
        at = clock.now()
        now = at.timestamp()
        MemberLoad.objects.bulk_create(
            [MemberLoad(name=name, last_at=at) for name in names], ignore_conflicts=True
        )
        # In the order of their names: who locks many rows meets others in the same order.
        loads = list(MemberLoad.objects.select_for_update().filter(name__in=names).order_by("name"))
        if wait_s := max(_wait_s(load.sent_at, now) for load in loads):
            return wait_s
        for load in loads:
            recent = (sent for sent in load.sent_at if now - sent < MEMBER_LIMITS[-1][1])
            load.sent_at, load.last_at = [*recent, round(now, 1)], at
        MemberLoad.objects.bulk_update(loads, ["sent_at", "last_at"])
        return 0.0


def recipients(target: str) -> Recipients:
    """Read a target; raises PayloadError where it names nobody."""
    names = names_in(target)
    if "@all" in names:
        return Recipients(users=("@all",))
    numbered = {name: match for name in names if (match := _NUMBERED.fullmatch(name))}
    return Recipients(
        users=tuple(name for name in names if name not in numbered),
        parties=tuple(match[2] for match in numbered.values() if match[1] == "party"),
        tags=tuple(match[2] for match in numbered.values() if match[1] == "tag"),
    )


def _wait_s(sent_at: Sequence[float], now: float) -> float:
    """Return the seconds until a member is below both limits again."""
    wait_s = 0.0
    for most, span_s in MEMBER_LIMITS:
        recent = [sent for sent in sent_at if now - sent < span_s]
        if len(recent) >= most:
            wait_s = max(wait_s, recent[-most] + span_s - now)
    return wait_s


def application() -> Application:
    """Return the application of the settings; raises NotConfigured, or Unusable for half of one."""
    missing = [name for name in _SETTINGS if not getattr(settings, name)]
    if len(missing) == len(_SETTINGS):
        raise NotConfigured(f"没有配置企业微信应用：请设置 {'、'.join(_SETTINGS)}")
    if missing:
        raise Unusable(f"企业微信应用的配置不完整：请设置 {'、'.join(missing)}")
    return Application(
        base_url=settings.WECHAT_API_BASE_URL,
        corp_id=settings.WECHAT_CORP_ID,
        secret=settings.WECHAT_CORP_SECRET,
        agent_id=settings.WECHAT_AGENT_ID,
    )


def has_callback() -> bool:
    """Say whether a click can be heard: WeCom refuses a card with buttons where it cannot tell us."""
    return bool(settings.WECHAT_CALLBACK_TOKEN and settings.WECHAT_CALLBACK_AES_KEY)


def _card(title: str, content: str, target: str, button: Button) -> str | None:
    """Return a message as a card, None where no card can hold it."""
    pressed = cards.Button(text=button.text, key=button.key)
    try:
        card = cards.from_markdown(title, content, buttons=[pressed], url=button.url)
        return _frozen(cards.button_card(card, uuid.uuid4().hex), target).json
    except PayloadError as error:
        log.warning("a message is not sent as a card: %s", error)
        return None


def _frozen(body: protocol.Body, target: str, agent_id: int | None = None) -> Payload:
    """Freeze a body with its recipients; a target that names nobody leaves them empty."""
    agent_id = settings.WECHAT_AGENT_ID if agent_id is None else agent_id
    try:
        to = recipients(target)
    except PayloadError:
        return Payload.build(body.msgtype, **{body.msgtype: dict(body.inner)})
    return protocol.compose(agent_id, body, to, duplicate_check_s=protocol.DUPLICATE_CHECK_MOST_S)


def _of_agent(payload: Payload, agent_id: int) -> Payload:
    """Return the payload as it was frozen, unless the application has been set anew since."""
    data = dict(payload.data)
    if data.get("agentid") == agent_id:
        return payload
    del data["msgtype"]
    return Payload.build(payload.msgtype, **{**data, "agentid": agent_id})


def _result(outcome: Outcome) -> Result:
    if outcome.action is Action.SPLIT:
        reason = Reason.TOO_LONG
    elif outcome.action is Action.SPLIT_RECIPIENTS or outcome.errcode in _NOBODY:
        reason = Reason.RECIPIENT
    else:
        reason = Reason.REFUSED
    found = from_outcome(outcome, _DECISIONS)
    if outcome.errcode == _TASK_ID_USED:
        # The number is random and ours alone: an earlier try of this very card has arrived.
        found = replace(found, decision=Decision.SENT)
    return replace(
        found,
        reason=reason,
        receipt=outcome.message_id[:128],
        missed=outcome.missed,
        card_code=outcome.response_code,
        is_repeatable=True,
    )
