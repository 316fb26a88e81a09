"""Every setting, read once from the environment; the defaults run with nothing configured."""

import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from django.utils.translation import gettext_lazy as _

from nexo import environment
from nexo.shared.private import kept_secret, make_private_folder

BASE_DIR = Path(__file__).resolve().parent.parent

DATA_DIR = Path(environment.text("NEXO_DATA_DIR", str(BASE_DIR / "var"))).resolve()


@contextmanager
def _in_data_dir() -> Iterator[None]:
    """Around what is kept there."""
    try:
        yield
    except OSError as error:
        raise ImproperlyConfigured(
            f"NEXO_DATA_DIR must be a folder that can be written, not {str(DATA_DIR)!r}: "
            f"{error.strerror}."
        ) from error


with _in_data_dir():
    make_private_folder(DATA_DIR)

DEBUG = False
TESTING = environment.switch("NEXO_TESTING")
PRODUCTION = environment.switch("NEXO_PRODUCTION")


def _secret_key() -> str:
    """SECRET_KEY, or one made once and kept beside the data (never in production)."""
    given = environment.text("SECRET_KEY")
    if given:
        return given
    if PRODUCTION:
        raise ImproperlyConfigured("SECRET_KEY must be set when NEXO_PRODUCTION is on.")
    with _in_data_dir():
        return kept_secret(DATA_DIR / "secret_key", get_random_secret_key)


SECRET_KEY = _secret_key()

PORT = environment.whole("PORT", 8000, 1, 65_535)
ALLOWED_HOSTS = environment.hosts("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])


def _origin_of(host: str) -> str:
    """Where a browser finds this process; in production a proxy serves it by https."""
    if PRODUCTION:
        return f"https://{host}"
    return f"http://{host}" if PORT == 80 else f"http://{host}:{PORT}"


def _origins_of(hosts: list[str]) -> list[str]:
    for host in hosts:
        if host.startswith((".", "*")):
            raise ImproperlyConfigured(
                f"ALLOWED_HOSTS holds {host!r}, which names no one host: ALLOWED_ORIGINS must then "
                "say where pages come from, each as scheme://host[:port]."
            )
    return [_origin_of(host) for host in hosts]


ALLOWED_ORIGINS = environment.origins("ALLOWED_ORIGINS") or _origins_of(ALLOWED_HOSTS)
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS

API_RATE = environment.rate("API_RATE", "6000/min")
LOGIN_RATE = environment.rate("LOGIN_RATE", "10/min")
METRICS_TOKEN = environment.header_value("METRICS_TOKEN")
SENTRY_DSN = environment.text("SENTRY_DSN")
DEMO_PASSWORD = environment.text("NEXO_DEMO_PASSWORD")
LOG_LEVEL = environment.log_level("LOG_LEVEL")
REDIS_URL = environment.redis_url("REDIS_URL")
# Each is a file: of those that this process may open, half are left to everybody else.
_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
_sockets = 2_500 if _files == resource.RLIM_INFINITY else max(1, min(2_500, _files // 2))
SOCKETS_PER_CALLER = environment.whole("SOCKETS_PER_CALLER", _sockets, 1, 100_000)
HTTP_THREADS = environment.whole("HTTP_THREADS", 8, 1, 1000)
MOST_DAYS = 36_500
# 0: for ever.
PROGRESS_KEPT_DAYS = environment.whole("PROGRESS_KEPT_DAYS", 0, 0, MOST_DAYS)
JOBS_KEPT_DAYS = environment.whole("JOBS_KEPT_DAYS", 90, 1, MOST_DAYS)
# Where pg_dump, pg_restore and psql are, if not on PATH.
PG_BIN = environment.text("PG_BIN")
BUSINESS_TIME_ZONE = "America/Sao_Paulo"

INSTALLED_APPS = [
    "accounts",
    "execution",
    "optimization",
    "orchestration",
    "nexo.admin.NexoAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "simple_history",
    "django_tasks",
    "django_tasks_db",
    "heroicons",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_totp",
]

MIDDLEWARE = [
    "nexo.shared.requests.RequestIdMiddleware",
    "nexo.shared.access.AccessLogMiddleware",
    "nexo.shared.metrics.RequestMetricsMiddleware",
    "nexo.shared.errors.DatabaseUnavailableMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "nexo.shared.middleware.ContentSecurityPolicyMiddleware",
    "nexo.shared.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "nexo.shared.middleware.PageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "nexo.shared.requests.NoNulMiddleware",
]

ROOT_URLCONF = "nexo.urls"
ASGI_APPLICATION = "nexo.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "nexo.shared.context.frame",
            ],
            "libraries": {"nexo": "nexo.shared.templatetags.nexo"},
        },
    },
]

# -- Data ----------------------------------------------------------------------------------------

# The default is no URL: a folder's name may hold what means something else in one.
_database: dict[str, Any] = (
    environment.database_url("DATABASE_URL")
    if environment.text("DATABASE_URL")
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "nexo.sqlite3")}
)
DATABASES = {"default": _database}
_database["ATOMIC_REQUESTS"] = False
_database["CONN_MAX_AGE"] = None
_database["CONN_HEALTH_CHECKS"] = True
LOCK_TIMEOUT_SECONDS = 5
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # WAL and IMMEDIATE: without both, 16 writing threads see "database is locked" on a third of
    # their writes. synchronous=FULL: a 200 survives power loss, not only kill -9.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": LOCK_TIMEOUT_SECONDS,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;"
            "PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;"
        ),
    }
    # A file, as in life: the shared in-memory database that Django tests with locks whole tables.
    _database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    _database["ENGINE"] = "django.db.backends.postgresql"
    _database["CONN_HEALTH_CHECKS"] = False
    _database["OPTIONS"] = {
        **_database.get("OPTIONS", {}),
        "server_side_binding": True,
        "prepare_threshold": 5,
        "options": f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s -c timezone=UTC",
        "connect_timeout": 5,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES: dict[str, Any] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if REDIS_URL:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            # Under 1, Django's own default, a process of the version before keeps pickles.
            "VERSION": 2,
            # A Redis that stands still must not hold a request: it counts calls and nothing else.
            "OPTIONS": {
                "serializer": "nexo.shared.throttling.InstantsSerializer",
                "socket_timeout": 1.0,
                "socket_connect_timeout": 1.0,
                "retry": Retry(NoBackoff(), 1),
            },
        }
    }
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            # redis-py closes an idle connection after 5 s by default, and with it every socket.
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# -- Background work -----------------------------------------------------------------------------

# `run_worker` carries jobs out. database: a job's row in the same transaction as what it is for.
# celery: a message after the commit; what is to be done is in rows all the same.
TASK_ENGINE = environment.choice("TASK_ENGINE", "database", "celery")
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
if TASK_ENGINE == "celery":
    if not REDIS_URL:
        raise ImproperlyConfigured("TASK_ENGINE=celery needs REDIS_URL.")
    if not (find_spec("celery") and find_spec("django_tasks_fennel")):
        raise ImproperlyConfigured(
            "TASK_ENGINE is celery, but Celery is not installed: "
            "bin/install requirements-celery.txt"
        )
    INSTALLED_APPS.append("django_tasks_fennel")
    TASKS = {"default": {"BACKEND": "orchestration.celery_engine.CeleryEngine"}}
    # kombu's own word for a Unix socket, with the database's number under another name.
    CELERY_BROKER_URL = (
        REDIS_URL.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")
        if REDIS_URL.startswith("unix://")
        else REDIS_URL
    )
    if REDIS_URL.startswith("rediss://"):
        # Otherwise kombu takes any certificate.
        CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
    CELERY_BROKER_CONNECTION_MAX_RETRIES = None
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "global_keyprefix": "nexo.jobs.",
        # A request waits for no Redis that is away or stuck: the job is rung for again.
        "socket_connect_timeout": 1,
        "socket_timeout": 1,
        "max_retries": 0,
        # A worker waits for messages without a timeout, and would wait for ever on a connection
        # whose other end is gone without a word.
        "socket_keepalive": True,
        "socket_keepalive_options": {
            getattr(socket, name): value
            for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
            if hasattr(socket, name)
        },
        # What a killed worker had taken is given to another; longer than a turn takes.
        "visibility_timeout": 120,
    }
    # Once and at once: the connection kept since the last time may be to a Redis that is no more.
    CELERY_TASK_PUBLISH_RETRY_POLICY = {
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    }
    CELERY_TASK_IGNORE_RESULT = True
    CELERY_TASK_ACKS_LATE = True
    # No limit, for a worker fetches nothing while it works (pool "solo"). With one, a message that
    # could not be acknowledged, because Redis was gone by then, would be its last for ever.
    CELERY_WORKER_PREFETCH_MULTIPLIER = 0
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
    CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True

# -- Language and time ---------------------------------------------------------------------------

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Portuguese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
FORMAT_MODULE_PATH = "nexo.formats"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True
TIME_ZONE = BUSINESS_TIME_ZONE
LANGUAGE_COOKIE_NAME = "nexo_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"

# -- Static files --------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Hashed names only where collectstatic has run (the image); a checkout serves plain files.
HASHED_STATIC = (STATIC_ROOT / "staticfiles.json").exists() and not TESTING
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "nexo.shared.static.HashedStaticFilesStorage"
            if HASHED_STATIC or environment.switch("NEXO_COLLECTSTATIC")
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# -- Accounts and security -----------------------------------------------------------------------

LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/marketplace/tasks/execution"
LOGOUT_REDIRECT_URL = LOGIN_URL
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.backends.CachedModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SECOND_FACTORS = ("off", "optional", "required")
# off: nobody new enrols. optional: whoever wants to. required: nobody manages accounts without one.
# Who has enrolled is asked for a code in any case.
SECOND_FACTOR = environment.choice(
    "SECOND_FACTOR", "required" if PRODUCTION else "off", *SECOND_FACTORS
)
OTP_TOTP_ISSUER = "NEXO"
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "nexo.shared.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if PRODUCTION:
    # Whether it came by https says the server, which takes a proxy's word from FORWARDED_ALLOW_IPS.
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

CSP_REPORT_PATH = "/csp-report"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        # Both ways of telling (nexo/csp_reports.py): a browser that knows report-to leaves the
        # other; REPORTING_ENDPOINTS says where that leads.
        "report-uri": CSP_REPORT_PATH,
        "report-to": "csp",
    }
}
REPORTING_ENDPOINTS = f'csp="{CSP_REPORT_PATH}"'
# Nothing here asks for any of these, so no script that got in may.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        *("camera", "microphone", "geolocation", "display-capture", "payment", "usb", "midi"),
        *("accelerometer", "gyroscope", "magnetometer"),
    )
)

AXES_ENABLED = not TESTING
# Per account; attempts per address are counted by the sign-in page itself (LOGIN_RATE).
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=5)
# An attempt during the lockout counts for nothing, or one every few minutes would lock for ever.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_CALLABLE = "accounts.views.throttled"
AXES_ENABLE_ADMIN = False
# It keeps what was sent with a failed attempt; a code that was nearly right is nobody's business.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]
AXES_VERBOSE = False
# W002 knows the middleware by its own name only. W006 asks for addresses among the parameters;
# LOGIN_RATE counts those.
SILENCED_SYSTEM_CHECKS = ["axes.W002", "axes.W006"]

# -- API -----------------------------------------------------------------------------------------

DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.authentication.IsAuthenticated"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "nexo.shared.negotiation.ContentNegotiation",
    "DEFAULT_PARSER_CLASSES": ["nexo.shared.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "nexo.shared.renderers.JSONRenderer",
        "nexo.shared.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["nexo.shared.throttling.CallerRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"caller": API_RATE},
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # uvicorn knows whose X-Forwarded-For to believe; what arrives here is anybody's.
    "NUM_PROXIES": 0,
    "EXCEPTION_HANDLER": "nexo.shared.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "NEXO",
    "DESCRIPTION": "Tasks, agents and marketplaces, as they happen.",
    "VERSION": "3.0.0",
    "OAS_VERSION": "3.1.0",
    "DEFAULT_GENERATOR_CLASS": "nexo.shared.openapi.KeptSchemaGenerator",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["accounts.authentication.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "TaskStatus": "execution.enums.TaskStatus.choices",
        "Marketplace": "execution.enums.MarketplaceSlug.choices",
        "SyncState": "execution.enums.SyncState.choices",
        "BulkAction": "orchestration.bulk.enums.BulkAction.values",
        "OrderedAction": "orchestration.bulk.enums.ORDERED",
        "JobState": "orchestration.bulk.enums.JobState.values",
        "SuccessStatus": ["success"],
        "ErrorStatus": ["error"],
    },
    "SCHEMA_PATH_PREFIX": "/api/marketplace/orchestration",
}

# -- Logs ----------------------------------------------------------------------------------------

# At DEBUG servers and libraries write whole headers: the keys of tokens, cookies of sessions.
OTHERS_LOG_LEVEL = "INFO" if LOG_LEVEL == "DEBUG" else LOG_LEVEL
OWN_PACKAGES = ("nexo", "nexo_agent", "accounts", "execution", "optimization", "orchestration")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "nexo.shared.requests.RequestIdFilter"},
        "server": {"()": "nexo.shared.logs.ServerFilter"},
    },
    "formatters": {"json": {"()": "nexo.shared.logs.JsonFormatter"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["stderr"], "level": OTHERS_LOG_LEVEL},
    "loggers": {
        **{package: {"level": LOG_LEVEL} for package in OWN_PACKAGES},
        "django.request": {"level": "ERROR"},
        "daphne.http_protocol": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        # It warns of every signal that ends it.
        "django_tasks_db": {"level": "ERROR"},
        # It tells of every job, and of every queue at the start.
        "celery": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "uvicorn.error": {"filters": ["server"]},
    },
}

# -- Errors to Sentry ----------------------------------------------------------------------------

if SENTRY_DSN:
    # Here and not at each entry: web, worker and commands alike load the settings. Only now, for
    # without the setting the library need not be there.
    from nexo.sentry import start

    start(SENTRY_DSN)
