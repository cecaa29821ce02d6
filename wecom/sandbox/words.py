"""What the sandbox's page says, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("zh", "en")

_WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("企业微信沙箱", "WeCom sandbox"),
    "notice": ("仅本机，不会发到真实群聊", "This machine only, nothing reaches a real group"),
    "live": ("实时", "live"),
    "waiting": ("连接中断，自动重连", "disconnected, reconnecting"),
    "all": ("全部消息", "All messages"),
    "groups": ("群聊", "Groups"),
    "unknown_group": ("未知机器人", "Unknown robot"),
    "robot": ("群机器人", "Group robot"),
    "app": ("应用消息", "Application"),
    "tag": ("机器人", "BOT"),
    "app_tag": ("应用", "APP"),
    "empty": ("还没有消息", "No message yet"),
    "empty_hint": (
        "把 WEBHOOK_BASE_URL 指向下面的地址，发出的消息就会出现在这里。",
        "Point WEBHOOK_BASE_URL to the address below; what is sent appears here.",
    ),
    "bytes": ("字节", "bytes"),
    "earlier": ("更早的消息", "Earlier messages"),
    "latest": ("回到最新", "Back to the latest"),
    "refused": ("未显示：被企业微信拒绝", "Not shown: refused by WeCom"),
    "not_taken": ("未收到：按演练要求失败", "Not taken: failed as asked"),
    "untold": ("已显示，但发送方没有得到应答", "Shown, but the sender was not told"),
    "slow": ("已显示，应答被延迟", "Shown, the answer was delayed"),
    "double": ("与 #{0} 内容相同，群里看到两次", "Same as #{0}: the group sees it twice"),
    "suppressed": ("与 #{0} 相同，重复检查生效，未再显示", "Same as #{0}: stopped by the duplicate check"),
    "dropped": ("成员每分钟 30 条已满，被静默丢弃", "Over 30 a minute for one member: dropped silently"),
    "missed": ("无效接收人", "Invalid recipients"),
    "picture": ("图片", "Picture"),
    "file": ("文件", "File"),
    "voice": ("语音", "Voice"),
    "mentions": ("提醒", "Mentions"),
    "v2_note": ("markdown_v2 在此显示原文", "markdown_v2 is shown as written"),
    "state": ("状态与演练", "State and drills"),
    "back": ("返回消息", "Back to messages"),
    "counts": ("收到的消息", "What arrived"),
    "count_received": ("收到", "received"),
    "count_shown": ("已显示", "shown"),
    "count_refused": ("被拒绝", "refused"),
    "count_doubles": ("重复", "doubles"),
    "count_faults": ("演练", "drills"),
    "robots": ("机器人（过去 60 秒）", "Robots (last 60 seconds)"),
    "drill": ("故障演练", "Failure drill"),
    "drill_hint": (
        "让沙箱按企业微信的方式出错，看系统如何重试、等待和报警。",
        "Let the sandbox fail as WeCom does, and watch the system retry, wait and raise alarms.",
    ),
    "mode": ("方式", "How"),
    "which": ("哪个机器人", "Which robot"),
    "every": ("全部", "All"),
    "times": ("次数", "Times"),
    "start": ("开始", "Start"),
    "mend": ("解除", "Mend"),
    "hits": ("已命中 {0} 次", "hit {0} times"),
    "forget": ("清空消息", "Clear messages"),
    "address": ("接入地址", "Address"),
    "today": ("今天", "Today"),
    "yesterday": ("昨天", "Yesterday"),
    "people": ("@所有人", "@all"),
    "fault_errcode": ("错误码 {0}", "errcode {0}"),
    "fault_delay": ("延迟 {0} 应答", "answered after {0}"),
    "fault_drop_before": ("连接被断开", "connection reset"),
    "fault_drop_after": ("收下后不应答", "no answer"),
    "fault_html": ("返回登录页", "login page"),
    "fault_cut_json": ("应答被截断", "answer cut short"),
    "fault_http": ("网关 HTTP {0}", "gateway HTTP {0}"),
    "mode_45009": ("45009 超过频率", "45009 rate exceeded"),
    "mode_93000": ("93000 密钥无效", "93000 bad key"),
    "mode_40058": ("40058 内容过长", "40058 content too long"),
    "mode_busy": ("-1 系统繁忙", "-1 busy"),
    "mode_delay": ("延迟 15 秒应答", "Answer after 15 s"),
    "mode_drop_before": ("断开，不收消息", "Reset, message not taken"),
    "mode_drop_after": ("收下消息，不应答", "Take it, do not answer"),
    "mode_html": ("返回登录页（HTML）", "Answer a login page (HTML)"),
    "mode_cut_json": ("应答被截断", "Cut the answer short"),
    "mode_http": ("网关 502", "Gateway 502"),
}

DRILLS: Mapping[str, Mapping[str, str]] = {
    "mode_45009": {"mode": "errcode", "errcode": "45009"},
    "mode_93000": {"mode": "errcode", "errcode": "93000"},
    "mode_40058": {"mode": "errcode", "errcode": "40058"},
    "mode_busy": {"mode": "errcode", "errcode": "-1"},
    "mode_delay": {"mode": "delay", "delay_s": "15"},
    "mode_drop_before": {"mode": "drop_before"},
    "mode_drop_after": {"mode": "drop_after"},
    "mode_html": {"mode": "html"},
    "mode_cut_json": {"mode": "cut_json"},
    "mode_http": {"mode": "http", "status": "502"},
}
"""The drills that the page offers: a word, and the fault it stands for."""


def word(lang: str, name: str, *values: object) -> str:
    """Return a word of the page, with its values filled in."""
    return _WORDS[name][LANGUAGES.index(lang)].format(*values)
