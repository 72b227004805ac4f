#!/usr/bin/env python
"""Django's command line for this project: `python manage.py help` lists what it can do."""

import os
import sys

from django.core.management import execute_from_command_line
from trellis import env

if __name__ == "__main__":
    env.use_settings("config.settings")
    if os.environ.get("NO_COLOR"):
        os.environ["DJANGO_COLORS"] = "nocolor"
    execute_from_command_line(sys.argv)
