"""Uploads in a bucket, by a real S3 API."""

import os
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.core.files.base import ContentFile
from django.utils.module_loading import import_string
from pytest_django import Settings

from tests.buckets import bucket_url
from trellis import probes
from trellis.env import Environment


def storage_at(url: str) -> dict[str, Any]:
    with mock.patch.dict(os.environ, {"STORAGE_URL": url, "IGNORE_ENV_FILE": "1"}):
        environment = Environment(root=Path("/"))
        found = environment.storage("STORAGE_URL", default=Path("/unused"))
        environment.check()
        return found


def bucket(url: str) -> Any:
    found = storage_at(url)
    return import_string(found["BACKEND"])(**found["OPTIONS"])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with bucket_url() as url:
        yield url


class TestBucket:
    def test_keeps_two_files_of_one_name(self, url: str) -> None:
        storage = bucket(url)

        names = [storage.save("notes/a.txt", ContentFile(text)) for text in (b"one", b"two")]

        assert [storage.open(name).read() for name in names] == [b"one", b"two"]

    def test_gives_a_url_that_is_signed_and_ends(self, url: str) -> None:
        storage = bucket(url)
        name = storage.save("pictures/a.webp", ContentFile(b"picture"))

        found = urlsplit(storage.url(name))

        query = parse_qs(found.query)
        assert query["X-Amz-Expires"] == ["3600"]
        assert query["X-Amz-Signature"]
        assert "se/cret" not in unquote(found.query)
        assert found.netloc == urlsplit(url).netloc.rpartition("@")[2]
        with urllib.request.urlopen(storage.url(name)) as answer:  # noqa: S310  # our own server
            assert answer.headers["Content-Type"] == "image/webp"
            assert answer.read() == b"picture"

    def test_deletes_a_file_and_does_not_mind_if_it_is_gone(self, url: str) -> None:
        storage = bucket(url)
        name = storage.save("a.txt", ContentFile(b"a"))

        storage.delete(name)
        storage.delete(name)

        assert not storage.exists(name)

    def test_fails_as_files_do_when_there_is_no_such_bucket(self, url: str) -> None:
        storage = bucket(url.replace("/uploads", "/others"))

        with pytest.raises(OSError, match="NoSuchBucket"):
            storage.save("a.txt", ContentFile(b"a"))

    def test_fails_as_files_do_when_nobody_answers(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            closed = bucket(f"s3+http://k:s@127.0.0.1:{silent.getsockname()[1]}/uploads")

            began = time.monotonic()
            with pytest.raises(OSError, match="EndpointConnectionError"):
                closed.delete("a")
            with pytest.raises(OSError, match="EndpointConnectionError"):
                closed.save("a", ContentFile(b"a"))

        assert time.monotonic() - began < 20

    def test_is_probed_by_the_doctor(self, url: str, settings: Settings) -> None:
        settings.STORAGES = {**settings.STORAGES, "default": storage_at(url)}
        assert probes.answer(probes.storage, seconds=20) == probes.Answer(True, "Bucket")

        wrong = storage_at(url.replace("/uploads", "/others"))
        settings.STORAGES = {**settings.STORAGES, "default": wrong}
        answer = probes.answer(probes.storage, seconds=20)
        assert not answer.ok
        assert "NoSuchBucket" in answer.text
