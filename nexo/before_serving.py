"""What `bin/serve` asks before it starts the web processes: a sentence instead of a traceback.

    python -m nexo.before_serving

uvicorn starts a process that died again: with settings that cannot be read it would do so for ever.
"""

import sys

from django.core.exceptions import ImproperlyConfigured

from nexo import environment

MOST_WORKERS = 1000


def check_settings() -> None:
    """
    Raises
    ------
    ImproperlyConfigured
    """
    environment.whole("WEB_WORKERS", 2, 1, MOST_WORKERS)
    import nexo.settings  # noqa: F401  # only now: to load them is to check them


def main() -> int:
    try:
        check_settings()
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
