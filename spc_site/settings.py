"""Settings: one file for every place; only environment variables differ (see `env.py`)."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from spc_site import env

BASE_DIR = Path(__file__).resolve().parent.parent
env.load_dotenv(BASE_DIR / ".env")
VAR_DIR = BASE_DIR / "var"
"""Everything made at run time: database, imported files, logs. Ignored by git."""

TESTING = "pytest" in sys.modules


def _generated_key(name: str) -> str:
    """Return the key kept in var under this name, making it once; readable by the owner alone."""
    path = VAR_DIR / name
    VAR_DIR.mkdir(exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key := secrets.token_urlsafe(50))
    return key


SECRET_KEY = env.read("SECRET_KEY") or _generated_key("secret_key")
SECRETS_KEYS = env.read("SECRETS_KEYS") or [_generated_key("secrets_key")]
DEBUG = env.read("DEBUG")
ALLOWED_HOSTS = env.read("ALLOWED_HOSTS")
FRONTEND_URL = env.read("FRONTEND_URL")
ALLOW_HTTP = env.read("ALLOW_HTTP")
ROOT_URLCONF = "spc_site.urls"
WSGI_APPLICATION = "spc_site.wsgi.application"

INSTALLED_APPS = [
    "spc_site.apps.SiteConfig",
    "spc_site.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_rq",
    "accounts.apps.AccountsConfig",
    "hooks.apps.HooksConfig",
    "notifications.apps.NotificationsConfig",
    "approvals.apps.ApprovalsConfig",
    "alarms.apps.AlarmsConfig",
    "quality.apps.QualityConfig",
    "energy.apps.EnergyConfig",
    "contracts.apps.ContractsConfig",
]

MIDDLEWARE = [
    "alarms.metering.RequestMeter",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.LanguageMiddleware",
    "accounts.middleware.ActingMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "spc_site.pages.context.navigation",
            ],
        },
    }
]

# --- database -----------------------------------------------------------------------------
# IMMEDIATE: with SQLite's default a transaction that reads first and writes later fails at
# once, without waiting, when another writer came between; half of concurrent writers did.
_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        "PRAGMA busy_timeout=20000; PRAGMA cache_size=-20000;"
    ),
}


def _database() -> dict[str, Any]:
    if url := env.read("DATABASE_URL"):
        config = env.database(url)
    else:
        path = Path(env.read("NOTIFICATION_DB_PATH"))
        path = path if path.is_absolute() else BASE_DIR / path
        path.parent.mkdir(parents=True, exist_ok=True)
        config = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}
    if config["ENGINE"].endswith("sqlite3"):
        config["OPTIONS"] = _SQLITE_OPTIONS
        # A file, not memory: WAL, IMMEDIATE and several connections are what is tested.
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        config["TEST"] = {"NAME": str(VAR_DIR / f"test-{worker}.sqlite3")}
    else:
        config["CONN_MAX_AGE"] = 60
        config["CONN_HEALTH_CHECKS"] = True
    return config


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- queue: the doorbell (spc_site.jobs); the queue itself is the database -----------------
REDIS_URL = env.read("REDIS_URL")
RQ_QUEUES = {
    name: {
        "URL": REDIS_URL or "redis://127.0.0.1:1/0",
        "DEFAULT_TIMEOUT": 120,
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    for name in ("judge", "notify", "slow")
}
RQ = {"COMMIT_MODE": "auto"}  # spc_site.jobs rings after the commit itself
# django-rq's pages bring inline scripts, which our content policy refuses, and fail without
# Redis. What matters about the processes stands in rows: see spc_site/system_admin.py.
RQ_SHOW_ADMIN_LINK = False

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- files --------------------------------------------------------------------------------
IMPORT_DIR = VAR_DIR / "imports"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG or TESTING
WHITENOISE_AUTOREFRESH = DEBUG or TESTING
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# --- people -------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

# --- languages and times ------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("中文")), ("en", _("英文"))]
FORMAT_MODULE_PATH = "spc_site.formats"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.read("TIME_ZONE")

# --- safety -------------------------------------------------------------------------------
_HTTPS = FRONTEND_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_SSL_REDIRECT = False  # the proxy in front ends TLS and redirects; here it would loop
SECURE_HSTS_SECONDS = 31536000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
CSRF_TRUSTED_ORIGINS = [FRONTEND_URL]
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # TLS redirect belongs to the proxy, see above

# --- WeCom and notifications --------------------------------------------------------------
WEBHOOK_BASE_URL = env.read("WEBHOOK_BASE_URL")
WEBHOOK_KEYS = {name: env.read(f"{name}_WEBHOOK_KEY") for name in ("IQC", "OQC", "ENERGY")}
WECHAT_BOT_WEBHOOK = env.read("WECHAT_BOT_WEBHOOK")
WECHAT_API_BASE_URL = env.read("WECHAT_API_BASE_URL")
WECHAT_CORP_ID = env.read("WECHAT_CORP_ID")
WECHAT_CORP_SECRET = env.read("WECHAT_CORP_SECRET")
WECHAT_AGENT_ID = env.read("WECHAT_AGENT_ID")
WECHAT_CALLBACK_TOKEN = env.read("WECHAT_CALLBACK_TOKEN")
WECHAT_CALLBACK_AES_KEY = env.read("WECHAT_CALLBACK_AES_KEY")
MAIL_SERVER = env.read("EMAIL_URL") or None
MQTT = env.read("MQTT_URL") or None
NOTIFICATION_QUEUE_SIZE = env.read("NOTIFICATION_QUEUE_SIZE")
NOTIFICATION_MAX_RETRIES = env.read("NOTIFICATION_MAX_RETRIES")
NOTIFICATION_RETRY_DELAY = env.read("NOTIFICATION_RETRY_DELAY")
NOTIFICATION_BATCH_SIZE = env.read("NOTIFICATION_BATCH_SIZE")

# --- customer hooks -----------------------------------------------------------------------
CUSTOMER = env.read("CUSTOMER")
HOOK_TIMEOUT = env.read("HOOK_TIMEOUT")
HOOK_MEMORY_MB = env.read("HOOK_MEMORY_MB")
HOOK_KEEP_DAYS = env.read("HOOK_KEEP_DAYS")

# --- logs: English, one event a line, ids instead of contents ------------------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "spc_site.logs.ScrubbedFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"rq": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
}
