"""What `bin/serve` does before it starts the web processes: a sentence instead of a traceback.

    python -m nexo.before_serving

uvicorn starts a process that died again: with settings that cannot be read it would do so for ever.
"""

import json
import os
import sys
from filecmp import cmp
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from nexo import environment
from nexo.launcher import PROJECT, CannotStart, check_port

MOST_WORKERS = 1000


def check_settings() -> None:
    """
    Raises
    ------
    ImproperlyConfigured
    """
    environment.whole("WEB_WORKERS", 2, 1, MOST_WORKERS)
    import nexo.settings  # noqa: F401  # only now: to load them is to check them


def check_static_files(sources: Path, collected: Path) -> None:
    """Where files have hashed names, a page that names one without is a 500, and an old one is old.

    Raises
    ------
    ImproperlyConfigured: collectstatic has run, but not since a file came or changed
    """
    manifest = collected / "staticfiles.json"
    if not manifest.exists():
        return
    known = json.loads(manifest.read_text())["paths"]
    files = (path.relative_to(sources) for path in sources.rglob("*") if path.is_file())
    # collectstatic leaves hidden files out.
    named = (file.as_posix() for file in files if not file.name.startswith("."))
    for name in sorted(named):
        is_known = name in known and (collected / name).is_file()
        if not is_known or not cmp(sources / name, collected / name, shallow=False):
            what = "has changed since" if is_known else "is missing"
            raise ImproperlyConfigured(
                f"The static files are not collected ({name} {what}): run "
                "NEXO_COLLECTSTATIC=1 .venv/bin/python manage.py collectstatic --noinput"
            )


def empty_metrics(folder: Path) -> None:
    """Numbers of workers that ran before would be added to those of the new ones.

    Raises
    ------
    ImproperlyConfigured: it cannot be written
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kept in folder.glob("*.db"):
            kept.unlink()
    except OSError as error:
        raise ImproperlyConfigured(
            "PROMETHEUS_MULTIPROC_DIR must be a folder that can be written, not "
            f"{str(folder)!r}: {error.strerror}."
        ) from error


def main() -> int:
    try:
        check_settings()
        check_static_files(PROJECT / "static", PROJECT / "staticfiles")
        # Before the folder is emptied, which is the running server's where the port is taken.
        check_port(os.environ["HOST"], int(os.environ["PORT"]), again="PORT={port} bin/serve")
        if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            empty_metrics(Path(folder))
    except (ImproperlyConfigured, CannotStart) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
