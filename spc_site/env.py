"""Every environment variable of the system: name, type, default and meaning in one table.

`.env.example` and the operator's page are tested against this table. A value that cannot be
read stops the start with the name of the variable. A secret may also come from a file: if
`NAME_FILE` is set, its content (without the last newline) is the value of `NAME`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    `kind` reads the text (raising ValueError with a sentence for people), `default` stands
    when the variable is unset or empty.
    """

    name: str
    kind: Callable[[str], Any]
    default: Any
    meaning: str
    secret: bool = False


def _text(value: str) -> str:
    return value.strip()


def _flag(value: str) -> bool:
    folded = value.strip().lower()
    if folded in {"1", "true", "yes", "on"}:
        return True
    if folded in {"0", "false", "no", "off"}:
        return False
    raise ValueError("write true or false")


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _keys(value: str) -> list[str]:
    keys = _words(value)
    if any(len(key) < 20 for key in keys):
        raise ValueError("every key must have at least 20 characters")
    return keys


def _count(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError("must be 1 or more")
    return number


def _count_or_zero(value: str) -> int:
    number = int(value)
    if number < 0:
        raise ValueError("must be 0 or more")
    return number


def _address(value: str) -> str:
    value = value.strip().rstrip("/")
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value


def _webhook_prefix(value: str) -> str:
    value = value.strip()
    if not value.startswith(("http://", "https://")) or not value.endswith("?key="):
        raise ValueError("must start with http:// or https:// and end with ?key=")
    return value


_MAIL_PORTS = {"smtps": ("tls", 465), "smtp+tls": ("starttls", 587), "smtp": ("none", 25)}


def _server(
    value: str, ports: Mapping[str, Any], shape: str
) -> tuple[SplitResult, int | None, dict[str, list[str]]]:
    """Return a server's address in parts, its port if named, and its options; raises ValueError(`shape`)."""
    try:
        parts = urlsplit(value.strip())
        port = parts.port
        options = parse_qs(parts.query, strict_parsing=bool(parts.query), keep_blank_values=True)
    except ValueError:
        raise ValueError(shape) from None  # the library's own words would repeat the password
    if parts.scheme not in ports or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(shape)
    return parts, port, options


def _mail_server(value: str) -> dict[str, Any]:
    """Read `smtps://user:password@host:port/?from=address` (or `smtp+tls://`, `smtp://`).

    User and password are percent-encoded; without `from` the user is the sender.
    """
    shape = "must look like smtps://user:password@host:465/?from=name@example.com"
    parts, port, options = _server(value, _MAIL_PORTS, shape)
    if set(options) - {"from"} or len(options.get("from", [])) > 1:
        raise ValueError("knows only the option from")
    user = unquote(parts.username or "")
    sender = options.get("from", [user])[0]
    if not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+", sender):
        raise ValueError("needs ?from=name@example.com, the sender's address")
    security, usual_port = _MAIL_PORTS[parts.scheme]
    return {
        "host": parts.hostname,
        "port": port or usual_port,
        "security": security,
        "user": user,
        "password": unquote(parts.password or ""),
        "sender": sender,
    }


_MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}


def _mqtt_broker(value: str) -> dict[str, Any]:
    """Read `mqtt://user:password@host:port/?client_id=name&qos=1`; `mqtts://` is TLS, `ca` its authority.

    User and password are percent-encoded. The client id names the session that the broker keeps.
    """
    shape = "must look like mqtt://user:password@host:1883 or mqtts://user:password@host:8883"
    parts, port, options = _server(value, _MQTT_PORTS, shape)
    if set(options) - {"client_id", "qos", "ca"} or any(len(values) > 1 for values in options.values()):
        raise ValueError("knows only the options client_id, qos and ca, each once")
    client_id = options.get("client_id", ["quality-back-office"])[0]
    if not re.fullmatch(r"[!-~]{1,128}", client_id):
        raise ValueError("client_id must be 1 to 128 letters, digits and signs without spaces")
    qos = options.get("qos", ["1"])[0]
    if qos not in {"0", "1"}:
        raise ValueError("qos must be 0 or 1 (more is not needed: readings may come twice)")
    authority = options.get("ca", [""])[0]
    if authority and (parts.scheme != "mqtts" or not Path(authority).is_file()):
        raise ValueError("ca must be a file of certificates, and needs mqtts://")
    return {
        "host": parts.hostname,
        "port": port or _MQTT_PORTS[parts.scheme],
        "tls": parts.scheme == "mqtts",
        "ca": authority,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "client_id": client_id,
        "qos": int(qos),
    }


def _package(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", value.strip()):
        raise ValueError("must be a lower-case word: letters, digits and _, beginning with a letter")
    return value.strip()


def _callback_token(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{1,32}", value.strip()):
        raise ValueError("must be 1 to 32 letters and digits, as WeCom's settings page takes it")
    return value.strip()


def _callback_key(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{43}", value.strip()):
        raise ValueError("must be 43 letters and digits, as WeCom's settings page takes it")
    return value.strip()


def _zone(value: str) -> str:
    try:
        ZoneInfo(value.strip())
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is not a time zone name such as Asia/Shanghai") from error
    return value.strip()


VARIABLES: tuple[Variable, ...] = (
    Variable("SECRET_KEY", _text, "", "Django 的签名密钥；不设时生成到 var/secret_key", secret=True),
    Variable(
        "SECRETS_KEYS",
        _keys,
        [],
        "加密所存密钥的钥匙，逗号分隔，新的在前；不设时生成到 var/secrets_key",
        secret=True,
    ),
    Variable("DEBUG", _flag, False, "开发模式：显示错误详情，绝不可用于生产"),
    Variable("ALLOWED_HOSTS", _words, ["localhost", "127.0.0.1", "[::1]"], "允许的主机名，逗号分隔"),
    Variable("DATABASE_URL", _text, "", "数据库地址，如 postgres://…；不设时用 SQLite", secret=True),
    Variable("NOTIFICATION_DB_PATH", _text, "var/db.sqlite3", "未设 DATABASE_URL 时 SQLite 文件的路径"),
    Variable("REDIS_URL", _text, "", "Redis 地址；不设则无 Redis，由轮询进程直接处理", secret=True),
    Variable("FRONTEND_URL", _address, "http://127.0.0.1:8000", "消息链接的站点地址"),
    Variable(
        "WEBHOOK_BASE_URL",
        _webhook_prefix,
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=",
        "群机器人地址前缀，以 ?key= 结尾",
    ),
    Variable("IQC_WEBHOOK_KEY", _text, "", "IQC 群机器人的 key", secret=True),
    Variable("OQC_WEBHOOK_KEY", _text, "", "OQC 群机器人的 key，也是其他模块的后备", secret=True),
    Variable("ENERGY_WEBHOOK_KEY", _text, "", "能源群机器人的 key", secret=True),
    Variable("WECHAT_BOT_WEBHOOK", _text, "", "后备群机器人的完整地址", secret=True),
    Variable(
        "WECHAT_API_BASE_URL",
        _address,
        "https://qyapi.weixin.qq.com",
        "企业微信应用接口的地址，不带路径",
    ),
    Variable("WECHAT_CORP_ID", _text, "", "企业 ID；发应用消息时需要"),
    Variable("WECHAT_CORP_SECRET", _text, "", "应用的 Secret", secret=True),
    Variable("WECHAT_AGENT_ID", _count_or_zero, 0, "应用的 AgentId"),
    Variable(
        "WECHAT_CALLBACK_TOKEN",
        _callback_token,
        "",
        "应用接收消息的 Token；收审批与卡片的回调时需要",
        secret=True,
    ),
    Variable(
        "WECHAT_CALLBACK_AES_KEY", _callback_key, "", "应用接收消息的 EncodingAESKey，43 个字符", secret=True
    ),
    Variable(
        "EMAIL_URL",
        _mail_server,
        "",
        "邮件服务器，如 smtps://用户:密码@主机:465/?from=发件地址；smtp+tls:// 为 STARTTLS",
        secret=True,
    ),
    Variable(
        "MQTT_URL",
        _mqtt_broker,
        "",
        "MQTT 代理，如 mqtts://用户:密码@主机:8883；mqtt:// 不加密；可加 ?client_id=…&qos=1&ca=证书文件",
        secret=True,
    ),
    Variable("ALLOW_HTTP", _flag, False, "允许不加密的站点与推送地址（仅限内网或演示）"),
    Variable("NOTIFICATION_QUEUE_SIZE", _count, 1000, "待发消息的上限，超过即报警"),
    Variable("NOTIFICATION_MAX_RETRIES", _count_or_zero, 3, "首次发送之后最多重试的次数"),
    Variable("NOTIFICATION_RETRY_DELAY", _count, 60, "第一次重试前等待的秒数"),
    Variable("NOTIFICATION_BATCH_SIZE", _count, 10, "一次领取的消息条数"),
    Variable("CUSTOMER", _package, "", "客户扩展的名称，即 customers/ 下的目录名；不设则没有扩展"),
    Variable("HOOK_TIMEOUT", _count, 10, "一次扩展调用最多的秒数，超过即终止"),
    Variable("HOOK_MEMORY_MB", _count, 256, "一次扩展调用最多可增加的内存（MB）"),
    Variable("HOOK_KEEP_DAYS", _count, 30, "扩展事件与执行记录保留的天数"),
    Variable("TIME_ZONE", _zone, "Asia/Shanghai", "显示用时区；存储一律为 UTC"),
)

_BY_NAME = {variable.name: variable for variable in VARIABLES}


def raw(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the text of a variable, from itself or from the file that `NAME_FILE` names."""
    value = environment.get(name)
    path = environment.get(f"{name}_FILE")
    if path and value:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: keep one of them.")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read {path}: {error.strerror}.") from error
    return value


def read(name: str, environment: Mapping[str, str] | None = None) -> Any:
    """Return the typed value of a declared variable.

    Raises ImproperlyConfigured, naming the variable and never its value, if it cannot be read.
    """
    variable = _BY_NAME[name]
    text = raw(name, os.environ if environment is None else environment)
    if text is None or not text.strip():
        return variable.default
    try:
        return variable.kind(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"Environment variable {name}: {error}.") from error


def load_dotenv(path: Path) -> None:
    """Take what `.env` says for variables that the environment does not set."""
    if path.exists():
        environ.Env.read_env(str(path))


def database(url: str) -> dict[str, Any]:
    """Return Django's database settings for an address such as `postgres://…`."""
    try:
        settings = environ.Env.db_url_config(url)
    except Exception as error:
        raise ImproperlyConfigured("Environment variable DATABASE_URL: not a database address.") from error
    if not settings.get("ENGINE"):
        raise ImproperlyConfigured("Environment variable DATABASE_URL: unknown kind of database.")
    return dict(settings)
