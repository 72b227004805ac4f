"""Reading the log lines that logs.py writes as JSON."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError


def read(path: str) -> Iterator[dict[str, Any]]:
    """Yield the events of a log ("-": of standard input); other lines are skipped.

    A prefix such as "web.1 |" may stand before an event. Raises `CommandError`.
    """
    try:
        with nullcontext(sys.stdin) if path == "-" else Path(path).open(errors="replace") as lines:
            for line in lines:
                _, brace, rest = line.partition("{")
                try:
                    event = json.loads(brace + rest)
                except ValueError:
                    continue
                yield event
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
