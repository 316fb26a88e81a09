#!/usr/bin/env python
"""Django's command line."""

import gc
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from nexo.shared.commands import interruptible

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexo.settings")
    # To look for garbage among what is being loaded took a quarter of a command's start.
    gc.set_threshold(50_000, 20, 20)
    try:
        with interruptible():
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A setting that cannot be meant; its sentence says all.
        raise SystemExit(str(error)) from None
