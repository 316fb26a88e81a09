#!/usr/bin/env python
"""Django's command line."""

import gc
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, execute_from_command_line

from nexo.shared.commands import interruptible, reached_database

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexo.settings")
    # To look for garbage among what is being loaded took a quarter of a command's start.
    gc.set_threshold(50_000, 20, 20)
    # Of `check_consistency` 1 would say that there is a difference.
    failed = 2 if sys.argv[1:2] == ["check_consistency"] else 1
    try:
        # Django's own commands, such as `migrate`, have it from here.
        with interruptible(), reached_database(returncode=failed):
            execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, CommandError) as error:
        # A setting that cannot be meant, a database that cannot be used; the sentence says all.
        sys.stderr.write(f"{error}\n")
        sys.exit(failed)
