"""Settings of threads_app: only what a view needs."""

ALLOWED_HOSTS = ["*"]
BUSINESS_TIME_ZONE = "UTC"
DATA_UPLOAD_MAX_MEMORY_SIZE = None
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "tests.shared.threads_app"
SECRET_KEY = "only for tests"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "nexo.shared.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
