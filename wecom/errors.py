"""What WeCom's answers mean and what a sender must do about them.

One closed table maps every documented error code to an action and to a sentence for people (Chinese,
with its English form beside it); `judge` reads it.  `Outcome` is what every call returns: the client
raises only for wrong use (`PayloadError`, `ValueError`), never for what the network or WeCom does.

The table follows the vendor's error code page (developer.work.weixin.qq.com/document/path/90313); the
context-dependent rows (40001, the length errors) are decided in `judge`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """What the sender does next; closed list."""

    NONE = "none"  # done, nothing to do
    RETRY = "retry"  # later, with growing and jittered pauses, a few times
    WAIT = "wait"  # the rate window is full: leave this channel alone until it has passed; no try is used
    TOKEN = "token"  # noqa: S105 - drop the failed token, fetch a new one, repeat once
    UPLOAD = "upload"  # upload the file again, then once more
    SPLIT = "split"  # the content is too long: split it, then send
    SPLIT_RECIPIENTS = "split_recipients"  # the recipient list is too long: split it, then send
    HALVE_RANGE = "halve_range"  # the time range of the query is too wide
    RECIPIENTS = "recipients"  # sent, but not to everybody: record who was missed
    LOGIN_AGAIN = "login_again"  # start the login over, once
    MESSAGE_DEAD = "message_dead"  # no retry: record it and tell an operator
    CHANNEL_DEAD = "channel_dead"  # suspend the channel and raise an alarm; its messages are not dead
    UNCERTAIN = "uncertain"  # the message may have been shown


class Kind(StrEnum):
    """What happened on the wire; closed list, fit for a metrics label."""

    ACCEPTED = "accepted"  # HTTP 200, JSON, errcode 0, nobody missed
    PARTIAL = "partial"  # errcode 0, but some recipients are invalid
    REFUSED = "refused"  # WeCom answered with an errcode
    THROTTLED = "throttled"  # HTTP 429, not WeCom's own way to say it
    HTTP_ERROR = "http_error"  # another HTTP status: a proxy or gateway speaks, not WeCom
    UNREADABLE = "unreadable"  # HTTP 200 whose body is not WeCom's JSON: login page, cut answer
    NAME_UNRESOLVED = "name_unresolved"
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    PROXY_FAILED = "proxy_failed"
    NOT_WRITTEN = "not_written"  # the connection broke before the whole request was out
    READ_TIMEOUT = "read_timeout"
    CONNECTION_LOST = "connection_lost"  # reset or cut after the request was written


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one error code means and what to do about it."""

    errcode: int
    action: Action
    explanation: str
    explanation_en: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call to WeCom came to.

    No field ever holds a key, a token or a URL with one; `raw_excerpt` is the beginning of the answer
    with secrets masked. `response_code` changes the card that was sent, once.
    """

    kind: Kind
    action: Action
    explanation: str
    explanation_en: str
    errcode: int | None = None
    errmsg: str = ""
    http_status: int | None = None
    duration_s: float = 0.0
    request_written: bool = False
    raw_excerpt: str = ""
    retry_after_s: float | None = None
    missed: tuple[str, ...] = ()
    message_id: str = ""
    response_code: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        """True only for HTTP 200 with JSON, errcode 0 and no invalid recipient."""
        return self.kind is Kind.ACCEPTED

    @property
    def is_uncertain(self) -> bool:
        """True when the message may have been shown although no receipt came."""
        return self.action is Action.UNCERTAIN


class PayloadError(ValueError):
    """A message that cannot be sent as it is; raised before anything leaves the process."""


class TooLong(PayloadError):
    """Content over WeCom's byte limit."""

    def __init__(self, field: str, size: int, limit: int) -> None:
        super().__init__(f"{field} is {size} bytes, WeCom takes {limit}")
        self.field = field
        self.size = size
        self.limit = limit


@dataclass(frozen=True, slots=True)
class _Row:
    codes: tuple[int, ...]
    action: Action
    zh: str
    en: str


_TABLE: tuple[_Row, ...] = (
    _Row(
        (-1,),
        Action.RETRY,
        "企业微信系统繁忙：系统会自动重试，无需处理。",
        "WeCom is busy: it is retried automatically, nothing to do.",
    ),
    _Row(
        (6000, 45035, 301026, 301057),
        Action.RETRY,
        "企业微信内部错误或数据暂时冲突：系统会自动重试，无需处理。",
        "Internal error or temporary conflict at WeCom: it is retried automatically, nothing to do.",
    ),
    _Row(
        (45009,),
        Action.WAIT,
        "发送频率超过上限（群机器人每分钟 20 条）：限制解除后自动继续；若经常出现，请合并消息或增加机器人。",
        "Too many messages (20 a minute per robot): it goes on by itself when the limit lifts; "
        "if this happens often, merge messages or add robots.",
    ),
    _Row(
        (45033, 45036, 2010003),
        Action.RETRY,
        "同时调用过多：系统会自动重试；若经常出现，请减少并行的发送进程。",
        "Too many calls at once: it is retried automatically; if this happens often, run fewer senders.",
    ),
    _Row(
        (40014,),
        Action.TOKEN,
        "access_token 无效：系统会换新的再发一次，无需处理。",
        "The access token is invalid: a new one is fetched and the call repeated, nothing to do.",
    ),
    _Row(
        (42001,),
        Action.TOKEN,
        "access_token 已过期：系统会换新的再发一次，无需处理。",
        "The access token has expired: a new one is fetched and the call repeated, nothing to do.",
    ),
    _Row(
        (40001,),
        Action.TOKEN,
        "access_token 不被接受：系统会换新的再发一次，无需处理。",
        "The access token was not accepted: a new one is fetched and the call repeated, nothing to do.",
    ),
    _Row(
        (40013,),
        Action.CHANNEL_DEAD,
        "企业 ID（CorpID）不对：请在渠道配置里核对 WECHAT_CORP_ID。",
        "The corp id is wrong: check WECHAT_CORP_ID in the channel's configuration.",
    ),
    _Row(
        (41001, 41002, 41004),
        Action.CHANNEL_DEAD,
        "请求缺少 access_token、CorpID 或 Secret：请在渠道配置里补全应用凭证。",
        "Access token, corp id or secret is missing: complete the channel's credentials.",
    ),
    _Row(
        (40003, 60111, 60021, 46004),
        Action.MESSAGE_DEAD,
        "接收人在企业微信通讯录里不存在：请修正接收人的企业微信账号后重发。",
        "No such user in the WeCom address book: correct the recipient's user id, then resend.",
    ),
    _Row(
        (81013, 82001, 60011, 50002),
        Action.MESSAGE_DEAD,
        "接收人都无效或不在应用可见范围内：请修正接收人，或在企业微信后台扩大应用可见范围，然后重发。",
        "No recipient is valid or inside the application's visible range: correct the recipients "
        "or widen the range, then resend.",
    ),
    _Row(
        (40031, 40032, 82002, 82003),
        Action.SPLIT_RECIPIENTS,
        "接收人过多（成员 1000、部门 100、标签 100）：请分批发送。",
        "Too many recipients (1000 users, 100 departments, 100 tags): send in several lots.",
    ),
    _Row(
        (40007, 40145),
        Action.UPLOAD,
        "文件凭证 media_id 无效、已过三天或属于别的机器人：系统会重新上传后再发一次。",
        "The media id is unknown, older than three days or another robot's: the file is uploaded again "
        "and sent once more.",
    ),
    _Row(
        (40006, 45001),
        Action.MESSAGE_DEAD,
        "文件大小不合要求（大于 5 字节；图片 2 MB、文件 20 MB 以内）：请压缩文件或改发链接。",
        "The file's size is not acceptable (over 5 bytes; images up to 2 MB, files up to 20 MB): "
        "compress it or send a link.",
    ),
    _Row(
        (40004, 40123),
        Action.MESSAGE_DEAD,
        "文件类型不被接受（图片只能是 JPG 或 PNG）：请换格式后重发。",
        "The file type is not acceptable (images: JPG or PNG only): convert it, then resend.",
    ),
    _Row(
        (44001,),
        Action.MESSAGE_DEAD,
        "上传的文件是空的，或文件名没有按企业微信的写法给出：请检查文件后重发。",
        "The uploaded file is empty or its name was not written in WeCom's way: check it, then resend.",
    ),
    _Row(
        (301016, 301017),
        Action.MESSAGE_DEAD,
        "语音文件过大或过长（2 MB、60 秒以内，AMR）：请改发文件。",
        "The voice file is too large or too long (2 MB, 60 s, AMR): send it as a file.",
    ),
    _Row(
        (301019, 93018),
        Action.MESSAGE_DEAD,
        "图片内容与其 MD5 不一致或无法解码：请重新生成图片后重发。",
        "The picture does not match its MD5 or cannot be decoded: make it again, then resend.",
    ),
    _Row(
        (40008,),
        Action.MESSAGE_DEAD,
        "消息类型未知或 JSON 无法解析：这是程序错误，请联系开发人员。",
        "Unknown message type or unreadable JSON: a bug, tell the developers.",
    ),
    _Row(
        (40033, 40035, 40058, 40063),
        Action.MESSAGE_DEAD,
        "消息参数不合法：请检查模板里的内容后重发。",
        "A parameter of the message is not acceptable: check the template, then resend.",
    ),
    _Row(
        (44004,),
        Action.MESSAGE_DEAD,
        "消息内容为空：请检查模板和变量后重发。",
        "The message is empty: check the template and its variables, then resend.",
    ),
    _Row(
        (45002,),
        Action.SPLIT,
        "消息内容过长：系统会拆成几条再发。",
        "The message is too long: it is split and sent in parts.",
    ),
    _Row(
        (45034, 40094),
        Action.MESSAGE_DEAD,
        "链接没有以 http:// 或 https:// 开头：请修正模板里的链接或 FRONTEND_URL 后重发。",
        "A link does not start with http:// or https://: correct the template or FRONTEND_URL, then resend.",
    ),
    _Row(
        (42014,),
        Action.MESSAGE_DEAD,
        "卡片任务号 task_id 已用过：上一次发送可能已经成功，请先在企业微信里核对。",
        "The card's task id was used before: an earlier try may have arrived, check in WeCom first.",
    ),
    _Row(
        (45008, 41016, 41033, 41010, *range(42027, 42052)),
        Action.MESSAGE_DEAD,
        "图文或卡片消息的字段缺失或不合要求：请检查模板后重发。",
        "A field of the article or card is missing or malformed: check the template, then resend.",
    ),
    _Row(
        (43012,),
        Action.CHANNEL_DEAD,
        "应用没有配置回调地址，不能发带按钮的卡片：请在企业微信后台设置接收消息的 URL。",
        "The application has no callback address, which button cards need: set it in WeCom's back office.",
    ),
    _Row(
        (60140,),
        Action.MESSAGE_DEAD,
        "卡片更新凭证已用过或超过 72 小时：这张卡片不能再更新。",
        "The card's response code was used or is older than 72 hours: this card can no longer be updated.",
    ),
    _Row(
        (93000,),
        Action.CHANNEL_DEAD,
        "机器人密钥不对，或机器人已被移出群聊：请在群里重新添加机器人，并更新渠道里的密钥。",
        "The robot's key is wrong or the robot was removed from the group: add it again "
        "and update the channel's key.",
    ),
    _Row(
        (93001, 93004, 93008),
        Action.CHANNEL_DEAD,
        "群聊不允许该机器人发言，或机器人已停用、不在群里：请群主启用或重新添加机器人。",
        "The group does not let this robot speak, or it is stopped or not in the group: "
        "the group's owner must enable or add it.",
    ),
    _Row(
        (93017, 93019),
        Action.MESSAGE_DEAD,
        "请求体为空或机器人编号不合法：这是程序错误，请联系开发人员。",
        "Empty request or malformed robot id: a bug, tell the developers.",
    ),
    _Row(
        (49008, 86003, 86008),
        Action.CHANNEL_DEAD,
        "群聊已解散、不存在，或不是本应用创建的：请为该渠道换一个群。",
        "The group was dissolved, is unknown or was not made by this application: choose another group.",
    ),
    _Row(
        (60020,),
        Action.CHANNEL_DEAD,
        "服务器公网 IP 不在应用的“企业可信 IP”里：请在企业微信后台添加，约一分钟后生效。",
        "The server's public address is not among the application's trusted IPs: add it in WeCom's "
        "back office, it takes about a minute.",
    ),
    _Row(
        (*range(48001, 48007), 50003, 301002, 301055, 301056, 40056),
        Action.CHANNEL_DEAD,
        "应用没有权限、已停用，或 AgentId 与 Secret 不属于同一应用：请在企业微信后台核对应用状态和权限。",
        "The application has no right, is disabled, or agent id and secret do not belong together: "
        "check it in WeCom's back office.",
    ),
    _Row(
        (48010,),
        Action.CHANNEL_DEAD,
        "服务器的 TLS 版本过低：请升级服务器的加密库。",
        "The server's TLS version is too old: upgrade its cryptographic library.",
    ),
    _Row(
        (40029, 42003, 42022),
        Action.LOGIN_AGAIN,
        "登录凭证已用过或已过期：请重新登录。",
        "The login code was used or has expired: log in again.",
    ),
    _Row(
        (50001,),
        Action.CHANNEL_DEAD,
        "登录回跳域名与企业微信后台的可信域名不一致：请核对网址、子域名和端口。",
        "The redirect address is not the trusted domain set in WeCom's back office: compare address, "
        "sub-domain and port.",
    ),
    _Row(
        (84025,),
        Action.MESSAGE_DEAD,
        "登录参数 state 含有不允许的字符：这是程序错误，请联系开发人员。",
        "The login's state holds characters that are not allowed: a bug, tell the developers.",
    ),
    _Row(
        (301025,),
        Action.MESSAGE_DEAD,
        "审批单号、时间范围或筛选条件不对：请核对后再查询。",
        "The approval number, range or filter is wrong: correct it and ask again.",
    ),
    _Row(
        (301112,),
        Action.HALVE_RANGE,
        "审批查询的时间范围过大：系统会缩短一半再查。",
        "The approval query's range is too wide: it is halved and asked again.",
    ),
    _Row(
        (82004, 40201, 40204, 85002),
        Action.MESSAGE_DEAD,
        "内容被企业微信判为不安全：请修改文字或链接后重发。",
        "WeCom judged the content unsafe: change the text or link, then resend.",
    ),
)

_BY_CODE: dict[int, _Row] = {code: row for row in _TABLE for code in row.codes}

_SECRET_REJECTED = _Row(
    (40001,),
    Action.CHANNEL_DEAD,
    "应用的 Secret 不对、已被重置，或应用被停用：请在渠道配置里更新 WECHAT_CORP_SECRET。",
    "The application's secret is wrong or was reset, or the application is disabled: "
    "update WECHAT_CORP_SECRET in the channel's configuration.",
)
_CONTENT_TOO_LONG = _Row(
    (40058,),
    Action.SPLIT,
    "消息内容超过字节上限：系统会拆成几条再发。",
    "The content is over the byte limit: it is split and sent in parts.",
)
_UNKNOWN = _Row(
    (),
    Action.MESSAGE_DEAD,
    "企业微信返回了未知的错误码：请按错误码查官方文档，处理后重发。",
    "WeCom answered with an unknown error code: look it up in the vendor's documentation, then resend.",
)
_LENGTH_CODES = frozenset({40033, 40035, 40058, 40063})


def judge(errcode: int, *, at_gettoken: bool = False, oversized: bool = False) -> Verdict:
    """Say what a non-zero error code means and what to do.

    `at_gettoken` tells a wrong secret from a stale token, which share 40001.  `oversized` says that the
    caller measured the content and found it over the limit: the codes for a bad parameter then mean
    "split".  The wording of `errmsg` is no argument on purpose: the vendor reserves the right to change it.
    """
    if errcode == 0:
        raise ValueError("errcode 0 is success and has no verdict")
    row = _BY_CODE.get(errcode, _UNKNOWN)
    if errcode == 40001 and at_gettoken:
        row = _SECRET_REJECTED
    elif errcode in _LENGTH_CODES and oversized:
        row = _CONTENT_TOO_LONG
    return Verdict(errcode=errcode, action=row.action, explanation=row.zh, explanation_en=row.en)


def known_codes() -> frozenset[int]:
    """Return every error code that has its own row."""
    return frozenset(_BY_CODE)


@dataclass(frozen=True, slots=True)
class Sign:
    """What a kind of event on the wire means when there is no error code to judge."""

    action: Action
    zh: str
    en: str


SIGNS: dict[Kind, Sign] = {
    Kind.ACCEPTED: Sign(Action.NONE, "企业微信已接受。", "WeCom accepted it."),
    Kind.PARTIAL: Sign(
        Action.RECIPIENTS,
        "已发送，但部分接收人无效：请修正名单里的这些账号。",
        "Sent, but some recipients are invalid: correct these accounts.",
    ),
    # HTTP 429 has no row of its own among WeCom's codes: it waits like 45009, because a gateway that
    # throttles wants to be left alone for as long as it says.
    Kind.THROTTLED: Sign(
        Action.WAIT,
        "网关限制了请求频率（HTTP 429）：等限制解除后自动继续。",
        "A gateway limits the rate (HTTP 429): it goes on by itself when the limit lifts.",
    ),
    Kind.HTTP_ERROR: Sign(
        Action.RETRY,
        "应答的不是企业微信，而是代理或网关（HTTP 状态异常）：系统会自动重试；持续出现时请检查代理和地址。",
        "Not WeCom but a proxy or gateway answered (odd HTTP status): it is retried automatically; "
        "if it stays, check proxy and address.",
    ),
    Kind.UNREADABLE: Sign(
        Action.UNCERTAIN,
        "应答不是企业微信的 JSON（可能是登录页或被截断）：消息可能已经显示，重发可能重复。",
        "The answer is not WeCom's JSON (a login page, or cut short): the message may have been shown, "
        "a resend may be double.",
    ),
    Kind.NAME_UNRESOLVED: Sign(
        Action.RETRY,
        "域名无法解析：系统会自动重试；持续出现时请检查服务器的 DNS 和地址配置。",
        "The host name cannot be resolved: it is retried automatically; if it stays, check DNS and address.",
    ),
    Kind.CONNECTION_REFUSED: Sign(
        Action.RETRY,
        "连接被拒绝，消息没有发出：系统会自动重试；持续出现时请检查地址和防火墙。",
        "The connection was refused, nothing was sent: it is retried automatically; "
        "if it stays, check address and firewall.",
    ),
    Kind.CONNECT_TIMEOUT: Sign(
        Action.RETRY,
        "连接超时，消息没有发出：系统会自动重试；持续出现时请检查网络和防火墙。",
        "Connecting timed out, nothing was sent: it is retried automatically; "
        "if it stays, check network and firewall.",
    ),
    Kind.TLS_FAILED: Sign(
        Action.RETRY,
        "加密连接（TLS）失败，消息没有发出：系统会自动重试；持续出现时请检查证书、时钟和代理。",
        "The encrypted connection failed, nothing was sent: it is retried automatically; "
        "if it stays, check certificates, clock and proxy.",
    ),
    Kind.PROXY_FAILED: Sign(
        Action.RETRY,
        "网络代理无法连接，消息没有发出：系统会自动重试；持续出现时请检查代理设置。",
        "The proxy cannot be reached, nothing was sent: it is retried automatically; "
        "if it stays, check the proxy's settings.",
    ),
    Kind.NOT_WRITTEN: Sign(
        Action.RETRY,
        "连接在消息发完之前中断，消息没有送达：系统会自动重试。",
        "The connection broke before the message was out: it is retried automatically.",
    ),
    Kind.READ_TIMEOUT: Sign(
        Action.UNCERTAIN,
        "消息已发出，但等待应答超时：可能已经显示，重发可能重复。",
        "The message was sent but no answer came in time: it may have been shown, a resend may be double.",
    ),
    Kind.CONNECTION_LOST: Sign(
        Action.UNCERTAIN,
        "消息已发出，但连接在应答之前中断：可能已经显示，重发可能重复。",
        "The message was sent but the connection broke before the answer: it may have been shown, "
        "a resend may be double.",
    ),
}
