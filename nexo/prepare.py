"""Migrate and, with DEMO on, seed: one process for both, because starting one takes a second.

python -m nexo.prepare
"""

import gc
import os
from io import StringIO

import django
from django.core.management import call_command


def prepare(*, demo: bool) -> None:
    call_command("migrate", interactive=False, verbosity=0)
    if demo:
        # The launcher tells what matters: the address and the sign-ins.
        call_command("seed_demo", stdout=StringIO())


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexo.settings")
    gc.set_threshold(50_000, 20, 20)  # as in manage.py
    django.setup()
    prepare(demo=os.environ.get("DEMO") != "0")
