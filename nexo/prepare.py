"""Migrate and, with DEMO on, seed: one process for both, because starting one takes a second.

python -m nexo.prepare
"""

import gc
import os
import sys
from io import StringIO

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from nexo.launcher import HAS_SAID_WHY
from nexo.shared.commands import reached_database


def prepare(*, demo: bool) -> None:
    call_command("migrate", interactive=False, verbosity=0)
    if demo:
        # The launcher tells what matters: the address and the sign-ins.
        call_command("seed_demo", stdout=StringIO())


def main() -> int:
    try:
        django.setup()
        with reached_database():
            prepare(demo=os.environ.get("DEMO") != "0")
    except (ImproperlyConfigured, CommandError) as error:
        sys.stderr.write(f"{error}\n")
        return HAS_SAID_WHY
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexo.settings")
    gc.set_threshold(50_000, 20, 20)  # as in manage.py
    sys.exit(main())
