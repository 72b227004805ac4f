"""Files in a bucket of any S3 API: django-storages with time-outs, and errors that can be named."""

import contextlib
from collections.abc import Iterator
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

SECONDS = 3600  # that a signed URL works


class Bucket(S3Storage):
    """A private bucket. A failure is an `OSError`, as with files, so that a task can retry it."""

    def get_default_settings(self) -> dict[str, Any]:
        config = Config(
            connect_timeout=5,  # seconds
            read_timeout=10,
            retries={"mode": "standard", "total_max_attempts": 2},
            s3={"addressing_style": "path"},  # one host for all files, which SECURE_CSP names
            signature_version="s3v4",
            # Not every S3 API knows the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        settings: dict[str, Any] = super().get_default_settings()
        return settings | {
            "client_config": config,
            "file_overwrite": False,  # two files of one name stay two
            "querystring_auth": True,  # URLs are signed
            "querystring_expire": SECONDS,
        }

    def save(self, name: str, content: Any, max_length: int | None = None) -> str:
        with _os_errors():
            return str(super().save(name, content, max_length))

    def delete(self, name: str) -> None:
        with _os_errors():
            super().delete(name)


@contextlib.contextmanager
def _os_errors() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
