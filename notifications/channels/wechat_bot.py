"""WeCom group robots: the target names a group, the group has a pool of robots.

A group's robots are its `Robot` rows. Without rows its key is the setting
`{GROUP}_WEBHOOK_KEY`; else the robots or the key of OQC, else the robot of
`WECHAT_BOT_WEBHOOK`. Keys never enter a message's row: the target stays the group's name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import media, models, texts, uploads
from notifications.channels._outcomes import from_outcome
from notifications.channels.base import (
    Credential,
    Driver,
    Form,
    NotConfigured,
    Probe,
    Result,
    Unusable,
    credential_name,
    found_or_missing,
    register,
)
from notifications.choices import ChannelCode, Reason, Style
from notifications.models import Attachment
from notifications.models.channels import group_name
from notifications.policy import Decision
from spc_site.sealed import Unreadable, masked
from wecom import robot
from wecom.errors import Action, Outcome, PayloadError
from wecom.payloads import Payload
from wecom.robot import MARKDOWN_LIMIT, TEXT_LIMIT, Robot, split_webhook

_FALLBACK = "OQC"

_DECISIONS = {
    Action.NONE: Decision.SENT,
    Action.RETRY: Decision.RETRY,
    Action.WAIT: Decision.WAIT,
    Action.CHANNEL_DEAD: Decision.CHANNEL_DEAD,
    Action.UNCERTAIN: Decision.UNCERTAIN,
}
"""Every other action (refused content, too long) is the end of this message."""


@register
class WechatBot(Driver):
    """Sends to a group through its robots."""

    code = ChannelCode.WECHAT_BOT.value
    label = ChannelCode.WECHAT_BOT.label
    target_help = gettext_lazy("群名，如 IQC")

    def compose(
        self, title: str, content: str, target: str, form: Form, attachments: Sequence[Attachment] = ()
    ) -> list[str]:
        """Return one payload per message; the title is the heading unless the content has one."""
        is_plain = form.style == Style.PLAIN
        limit = TEXT_LIMIT if is_plain else MARKDOWN_LIMIT
        written = texts.write(title, content, style=form.style, overflow=form.overflow, limit=limit)
        if is_plain:
            # Who is called is called once, with the first part.
            called = ["@all" if name == "all" else name for name in written.mentions]
            calls = [called, *[[]] * (len(written.parts) - 1)]
            payloads = [robot.text(part, who).json for part, who in zip(written.parts, calls, strict=True)]
        else:
            payloads = [robot.markdown(part).json for part in written.parts]
        if written.file:
            payloads.append(uploads.text_file(title, written.file))
        return payloads + uploads.attached(attachments, image_limit=robot.IMAGE_LIMIT)

    def credentials(self, target: str) -> Sequence[Credential]:
        """Return the group's robots; who shares a robot shares its limit. One query."""
        return self._chosen(target, _pools(group_name(target), _FALLBACK))

    def credentials_of(self, targets: Collection[str]) -> dict[str, Sequence[Credential] | NotConfigured]:
        """Return the robots of many groups, in one query."""
        try:
            pools = _pools(*map(group_name, targets), _FALLBACK)
        except Unusable:  # one key that cannot be read is the trouble of its own group
            return super().credentials_of(targets)
        return {
            target: found_or_missing(lambda target: self._chosen(target, pools), target) for target in targets
        }

    def _chosen(self, target: str, pools: Mapping[str, list[models.Robot]]) -> Sequence[Credential]:
        """Return the robots of a group, or those that stand in for them."""
        group = group_name(target)
        for name in dict.fromkeys((group, _FALLBACK)):
            if name in pools:
                if usable := [
                    _credential(row.group, str(row), row.key) for row in pools[name] if row.is_enabled
                ]:
                    return usable
                raise Unusable(_("群 %(group)s 的机器人都已停用") % {"group": name})
            if key := settings.WEBHOOK_KEYS.get(name):
                return [_credential(name, f"{name}_WEBHOOK_KEY", key)]
        if last := _last_resort():
            return [last]
        raise NotConfigured(
            f"没有可用的群机器人：请添加群 {group} 的机器人，或设置 {group}_WEBHOOK_KEY、"
            "OQC_WEBHOOK_KEY 或 WECHAT_BOT_WEBHOOK"
        )

    def deliver(
        self, payload: str, target: str, credential: Credential, *, timeout_s: float, message_id: str = ""
    ) -> Result:
        prefix, key = credential.handle
        sender = _robot(prefix, key, timeout_s)
        reference = uploads.reference(payload)
        if reference is None:
            return _result(sender.send(Payload.thaw(payload)))
        file = media.file_of(reference)
        if file is None:
            return Result(Decision.DEAD, _("附件已被清理，无法发送"), reason=Reason.REFUSED)
        try:
            if reference.msgtype == "image":
                return _result(sender.send(robot.image(file.data)))
            return _result(
                media.show_file(
                    file,
                    owner=credential.name,
                    upload=lambda: sender.upload_media(file.name, file.data),
                    send=lambda media_id: sender.send(robot.file(media_id)),
                )
            )
        except PayloadError as error:
            return Result(
                Decision.DEAD, _("附件不合要求：%(error)s") % {"error": error}, reason=Reason.REFUSED
            )

    def check(self) -> Mapping[str, str]:
        try:
            pool = self.pool()
        except Unusable as unusable:
            return {_("群机器人"): str(unusable)}
        if not pool:
            return {"OQC_WEBHOOK_KEY": _("没有任何群机器人")}
        for credential in pool:
            prefix, key = credential.handle
            try:
                Robot(prefix, key)
            except ValueError as error:
                return {credential.label: str(error)}
        return {}

    def is_set_up(self) -> bool:
        keys = (*settings.WEBHOOK_KEYS.values(), settings.WECHAT_BOT_WEBHOOK)
        return any(keys) or models.Robot.objects.exists()

    def probe(self, *, timeout_s: float) -> Probe:
        """Ask nothing: WeCom has no call for a robot that shows nothing in the group."""
        return Probe(None, _("机器人只能靠发送来检验：用“试发”"))

    def pool(self) -> Sequence[Credential]:
        """Return the robots of all groups, those of the environment where a group has no rows."""
        pools = _pools()
        found = [
            _credential(row.group, str(row), row.key)
            for rows in pools.values()
            for row in rows
            if row.is_enabled
        ]
        found += [
            _credential(name, f"{name}_WEBHOOK_KEY", key)
            for name, key in settings.WEBHOOK_KEYS.items()
            if key and name not in pools
        ]
        if last := _last_resort():
            found.append(last)
        return found


@lru_cache(maxsize=256)
def _robot(prefix: str, key: str, timeout_s: float) -> Robot:
    """Return the client of a robot; it keeps nothing but what it was made of."""
    return Robot(prefix, key, timeout=(min(3, timeout_s), timeout_s))


def _pools(*groups: str) -> dict[str, list[models.Robot]]:
    """Return the robots of these groups (or of all), in order; raises Unusable."""
    rows = models.Robot.objects.order_by("group", "order", "pk")
    pools: dict[str, list[models.Robot]] = {}
    try:
        for row in rows.filter(group__in=groups) if groups else rows:
            pools.setdefault(row.group, []).append(row)
    except Unreadable:
        raise Unusable(_("机器人的 key 无法解密：请把原来的密钥放回 SECRETS_KEYS")) from None
    return pools


def _credential(group: str, name: str, key: str, prefix: str = "") -> Credential:
    return Credential(
        credential_name(ChannelCode.WECHAT_BOT, key),
        label=f"{name} {masked(key)}",
        place=group,
        handle=(prefix or settings.WEBHOOK_BASE_URL, key),
    )


def _last_resort() -> Credential | None:
    """Return the robot of `WECHAT_BOT_WEBHOOK`, whose address is whole."""
    if not settings.WECHAT_BOT_WEBHOOK:
        return None
    try:
        prefix, key = split_webhook(settings.WECHAT_BOT_WEBHOOK)
    except ValueError as error:
        raise Unusable(f"WECHAT_BOT_WEBHOOK：{error}") from None
    return _credential("", "WECHAT_BOT_WEBHOOK", key, prefix)


def read_key(pasted: str) -> str:
    """Return the key of a robot from what a person pasted: the key, or its whole address.

    Raises ValueError in words for people: an address of another server would never be used.
    """
    text = pasted.strip()
    if "://" in text:
        try:
            prefix, text = split_webhook(text)
        except ValueError:
            raise ValueError(
                _("这不是群机器人的 Webhook 地址，应形如 https://…/webhook/send?key=…")
            ) from None
        if prefix != settings.WEBHOOK_BASE_URL:
            raise ValueError(
                _("此地址与 WEBHOOK_BASE_URL（%(base)s）不是同一个服务器")
                % {"base": settings.WEBHOOK_BASE_URL}
            )
    if (
        not text
        or len(text) > 128
        or not text.isascii()
        or not text.replace("-", "").replace("_", "").isalnum()
    ):
        raise ValueError(_("机器人的 key 只含字母、数字、“-”和“_”"))
    return text


def _result(outcome: Outcome) -> Result:
    return replace(
        from_outcome(outcome, _DECISIONS),
        reason=Reason.TOO_LONG if outcome.action is Action.SPLIT else Reason.REFUSED,
    )
