"""The readers of the environment: what each accepts, and what it says of the rest."""

import os
from pathlib import Path
from traceback import format_exception
from typing import Any
from unittest import mock

import pytest

from trellis import env
from trellis.env import Environment, WrongEnvironment

RANDOM = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0iL-oR_uX.bC6dE9fG2hJ5kM"


class Process:
    """A process's environment and `.env`, of which tests read one variable."""

    def __init__(self, folder: Path, file: str | bytes = "", **variables: str) -> None:
        raw = file.encode() if isinstance(file, str) else file
        (folder / ".env").write_bytes(raw)
        self.folder = folder
        self.variables = variables

    def read(self, reader: str, *arguments: Any, **options: Any) -> Any:
        """Return what a reader makes of it. Raises `WrongEnvironment`."""
        with mock.patch.dict(os.environ, self.variables, clear=True):
            environment = Environment(root=self.folder)
            value = getattr(environment, reader)(*arguments, **options)
            environment.check()
            return value


def fault(folder: Path, reader: str, *arguments: Any, value: str, **options: Any) -> str:
    """Return the one line that a reader of X gives when X is `value`."""
    production = {"DJANGO_ENV": "production"} if options.pop("production", False) else {}
    with pytest.raises(WrongEnvironment) as wrong:
        Process(folder, X=value, **production).read(reader, "X", *arguments, **options)
    assert "hidden" not in "".join(format_exception(wrong.value))
    message = str(wrong.value)
    assert "\n" not in message
    return message


def value(folder: Path, reader: str, *arguments: Any, value: str, **options: Any) -> Any:
    """Return what a reader of X makes of `value`."""
    production = {"DJANGO_ENV": "production"} if options.pop("production", False) else {}
    return Process(folder, X=value, **production).read(reader, "X", *arguments, **options)


class TestFlag:
    @pytest.mark.parametrize("text", ["true", "True", "1", "yes", "ON", " true "])
    def test_is_on(self, text: str, tmp_path: Path) -> None:
        assert value(tmp_path, "flag", value=text, default=False) is True

    @pytest.mark.parametrize("text", ["false", "FALSE", "0", "no", "off"])
    def test_is_off(self, text: str, tmp_path: Path) -> None:
        assert value(tmp_path, "flag", value=text, default=True) is False

    @pytest.mark.parametrize("default", [True, False])
    def test_is_the_default_when_it_is_empty(self, default: bool, tmp_path: Path) -> None:
        assert value(tmp_path, "flag", value="", default=default) is default

    @pytest.mark.parametrize("text", ["flase", "2", "t", "-1"])
    def test_refuses_what_is_neither(self, text: str, tmp_path: Path) -> None:
        said = fault(tmp_path, "flag", value=text, default=True)

        assert said == f"X cannot be {text!r}. Write true or false."

    def test_points_at_a_comment_behind_the_value(self, tmp_path: Path) -> None:
        said = fault(tmp_path, "flag", value="true # TLS in front", default=True)

        assert said.endswith("Write true or false. A comment needs a line of its own.")


class TestNumber:
    def test_is_a_whole_number(self, tmp_path: Path) -> None:
        assert value(tmp_path, "number", value=" 20 ", default=1) == 20

    def test_refuses_one_that_is_too_long_for_python(self, tmp_path: Path) -> None:
        assert "X cannot be '999" in fault(tmp_path, "number", value="9" * 5000, default=1)

    @pytest.mark.parametrize("text", ["two", "-1", "1.5", "1_000", "٣", "2 # proxies"])
    def test_refuses_anything_else(self, text: str, tmp_path: Path) -> None:
        said = fault(tmp_path, "number", value=text, default=1)

        assert said.startswith(f"X cannot be {text!r}. Write a whole number.")


class TestChoice:
    LEVELS = ("DEBUG", "INFO")

    @pytest.mark.parametrize("text", ["info", "INFO", "Info"])
    def test_does_not_mind_upper_and_lower_case(self, text: str, tmp_path: Path) -> None:
        assert value(tmp_path, "choice", self.LEVELS, value=text, default="DEBUG") == "INFO"

    def test_lists_what_it_can_be(self, tmp_path: Path) -> None:
        said = fault(tmp_path, "choice", self.LEVELS, value="loud", default="INFO")

        assert said == "X cannot be 'loud'. Write one of DEBUG, INFO."

    def test_shortens_a_long_value(self, tmp_path: Path) -> None:
        assert len(fault(tmp_path, "choice", self.LEVELS, value="x" * 999, default="INFO")) < 100


class TestText:
    OPTIONS = {"default": "a@localhost", "example": "hello@example.com", "needed": True}

    def test_is_needed_in_production_only(self, tmp_path: Path) -> None:
        assert value(tmp_path, "text", value="", **self.OPTIONS) == "a@localhost"

        said = fault(tmp_path, "text", value="", production=True, **self.OPTIONS)

        assert said == "X is not set, and production needs it. Write hello@example.com."

    @pytest.mark.parametrize("text", ["change-me", "CHANGE_ME", "ChangeMe", "x-change-me-x"])
    def test_refuses_a_placeholder_in_production(self, text: str, tmp_path: Path) -> None:
        said = fault(tmp_path, "text", value=text, production=True, **self.OPTIONS)

        assert said == "X still holds a placeholder. Write hello@example.com."

    def test_points_at_a_comment_behind_the_value(self, tmp_path: Path) -> None:
        said = fault(tmp_path, "text", value="a@b.c # ours", **self.OPTIONS)

        assert "A comment needs a line of its own." in said


class TestSender:
    OPTIONS = {"default": "a@localhost", "example": "hello@example.com"}

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a@localhost",
            "a@example.com",
            "Müller <a@example.com>",
            '"Acme, Inc" <a@example.com>',
        ],
    )
    def test_is_an_address_with_or_without_a_name(self, text: str, tmp_path: Path) -> None:
        assert value(tmp_path, "sender", value=text, **self.OPTIONS) == (text or "a@localhost")

    @pytest.mark.parametrize(
        "text",
        [
            "hello",
            '"a@example.com"',
            "'a@example.com'",
            "a@example.com, b@example.com",
            "Acme, Inc <a@example.com>",
            "Acme <a@example.com",
            "a@example.com now",
            "a@example.com\nBcc: b@example.com",
        ],
    )
    def test_refuses_what_no_mail_can_come_from(self, text: str, tmp_path: Path) -> None:
        said = fault(tmp_path, "sender", value=text, **self.OPTIONS)

        assert said == f"X cannot be {text!r}. Write hello@example.com."

    def test_is_needed_in_production(self, tmp_path: Path) -> None:
        said = fault(tmp_path, "sender", value="", production=True, **self.OPTIONS)

        assert said.startswith("X is not set, and production needs it.")


class TestSecret:
    def test_may_be_anything_in_development(self, tmp_path: Path) -> None:
        assert value(tmp_path, "secret", value="", development="d") == "d"
        assert value(tmp_path, "secret", value="$short", development="d") == "$short"

    def test_may_hold_any_character(self, tmp_path: Path) -> None:
        odd = f"${RANDOM} #=@/"

        assert value(tmp_path, "secret", value=odd, production=True, development="d") == odd

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "is not set"),
            ("hidden", "has 6 characters"),
            ("a" * 60, "is easy to guess"),
            ("hidden" * 10, "is easy to guess"),
            (f"django-insecure-{RANDOM}", "is easy to guess"),
            (f"{RANDOM}-Change-Me", "still holds a placeholder"),
        ],
    )
    def test_refuses_in_production_what_can_be_guessed(
        self, text: str, why: str, tmp_path: Path
    ) -> None:
        said = fault(tmp_path, "secret", value=text, production=True, development="d")

        assert said.startswith(f"X {why}")
        assert said.endswith("Write 50 or more random characters.")

    def test_may_be_shorter_or_missing_where_its_reader_says_so(self, tmp_path: Path) -> None:
        options = {"length": 20, "needed": False, "production": True}

        assert value(tmp_path, "secret", value="", **options) == ""
        assert value(tmp_path, "secret", value=RANDOM[:20], **options) == RANDOM[:20]
        assert "Write 20 or more" in fault(tmp_path, "secret", value="hidden", **options)


class TestNames:
    HOSTS = {"pattern": env.HOST, "default": ["localhost"], "example": "example.com"}

    def test_loses_spaces_and_not_names(self, tmp_path: Path) -> None:
        found = value(tmp_path, "names", value=" a.example ,b, .c.example, [::1],", **self.HOSTS)

        assert found == ["a.example", "b", ".c.example", "[::1]"]

    @pytest.mark.parametrize("text", ["", " , "])
    def test_is_the_default_when_it_is_empty(self, text: str, tmp_path: Path) -> None:
        assert value(tmp_path, "names", value=text, **self.HOSTS) == ["localhost"]

    @pytest.mark.parametrize("text", ["*", "a b", "https://example.com", "a:80", "a/b", "ä.de"])
    def test_refuses_what_does_not_match(self, text: str, tmp_path: Path) -> None:
        said = fault(tmp_path, "names", value=f"good,{text}", **self.HOSTS)

        assert said.startswith("X cannot be ")
        assert "Write example.com." in said

    def test_accepts_some_names_in_development_only(self, tmp_path: Path) -> None:
        options = self.HOSTS | {"development": ("*",)}

        assert value(tmp_path, "names", value="*", **options) == ["*"]
        assert "'*'" in fault(tmp_path, "names", value="*", production=True, **options)

    def test_shows_no_password_of_a_url(self, tmp_path: Path) -> None:
        said = fault(tmp_path, "names", value="postgres://u:hidden@host/x", **self.HOSTS)

        assert "'postgres://…'" in said

    @pytest.mark.parametrize("origin", ["https://a.example", "http://*.b.example:8000"])
    def test_may_be_origins(self, origin: str, tmp_path: Path) -> None:
        options = self.HOSTS | {"pattern": env.ORIGIN}

        assert value(tmp_path, "names", value=origin, **options) == [origin]
        assert fault(tmp_path, "names", value=origin[8:], **options)


class TestUrl:
    BROKER = {
        "schemes": ("redis", "amqp", "redis+socket", "local"),
        "development": ("memory",),
        "default": "local://",
        "example": "redis://host:6379/1",
    }

    @pytest.mark.parametrize(
        "url",
        [
            "redis://:p%40ss%2Fw@host:6379/1",
            "redis+socket:///run/redis.sock",
            "amqp://guest:guest@localhost:5672//",
            "redis://[::1]:6379/0",
            "local://",
            "memory://",
        ],
    )
    def test_is_one_of_the_schemes(self, url: str, tmp_path: Path) -> None:
        assert value(tmp_path, "url", value=url, **self.BROKER) == url

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("hidden", "is not a URL."),
            ("hidden@host", "is not a URL."),
            ("redis:hidden", "is not a URL."),
            ("kafka://u:hidden@host", "begins with kafka://, which does not work here."),
            ("amqp://u:hid@den@host", "has @ / ? or # in its user name or password."),
            ("amqp://u:hid/den@host", "has @ / ? or # in its user name or password."),
            ("amqp://u:12/3@host/hidden", "has @ / ? or # in its user name or password."),
            ("amqp://u:hid#den@host", "has @ / ? or # in its user name or password."),
            ("amqp://u:hid?den@host", "has @ / ? or # in its user name or password."),
            ("amqp://host:hidden/x", "has a host or port that cannot be read."),
            ("amqp://u:hidden@[::1/x", "has a host or port that cannot be read."),
            ("amqp://host # hidden", "has a space in it. A comment needs a line of its own."),
            ("redis://", "has nothing after redis://."),
        ],
    )
    def test_says_what_is_wrong_without_the_password(
        self, url: str, why: str, tmp_path: Path
    ) -> None:
        said = fault(tmp_path, "url", value=url, **self.BROKER)

        assert said.startswith(f"X {why}")
        assert said.endswith("Write redis://host:6379/1.")

    def test_accepts_some_schemes_in_development_only(self, tmp_path: Path) -> None:
        said = fault(tmp_path, "url", value="memory://", production=True, **self.BROKER)

        assert said.startswith("X begins with memory://, which does not work here.")


class TestDatabase:
    @pytest.mark.parametrize(
        ("url", "wanted"),
        [
            (
                "postgres://u:p%40%2Fw@host:5432/name?sslmode=require",
                {"PASSWORD": "p@/w", "HOST": "host", "OPTIONS": {"sslmode": "require"}},
            ),
            ("postgresql:///name", {"NAME": "name", "HOST": ""}),
            ("sqlite:////data/db.sqlite3", {"NAME": "/data/db.sqlite3"}),
        ],
    )
    def test_is_an_entry_of_databases(
        self, url: str, wanted: dict[str, Any], tmp_path: Path
    ) -> None:
        found = value(tmp_path, "database", value=url, default={})

        assert wanted.items() <= found.items()

    def test_is_the_default_in_development(self, tmp_path: Path) -> None:
        assert value(tmp_path, "database", value="", default={"NAME": "x"}) == {"NAME": "x"}

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("mysql://u:hidden@host/x", "begins with mysql://"),
            ("postgres://u:hidden@host", "names no database"),
            ("sqlite://:memory:", "has a host or port that cannot be read"),
            ("sqlite://db.sqlite3", "needs four slashes"),
            ("sqlite:///db.sqlite3", "needs four slashes"),  # a relative path: of any folder
            ("sqlite://", "has nothing after"),
            ("sqlite:///:memory:", "needs four slashes"),
        ],
    )
    def test_refuses_what_would_lose_data_or_fail_later(
        self, url: str, why: str, tmp_path: Path
    ) -> None:
        assert fault(tmp_path, "database", value=url, default={}).startswith(f"X {why}")


class TestCache:
    @pytest.mark.parametrize(
        ("url", "backend", "location"),
        [
            ("redis://host:6379/0", "redis.RedisCache", "redis://host:6379/0"),
            ("dbcache://table", "db.DatabaseCache", "table"),
            ("", "db.DatabaseCache", "django_cache"),
            ("dummycache://", "dummy.DummyCache", ""),
        ],
    )
    def test_is_an_entry_of_caches(
        self, url: str, backend: str, location: str, tmp_path: Path
    ) -> None:
        found = value(tmp_path, "cache", value=url, default="dbcache://django_cache", broker="Y")

        assert found["BACKEND"].endswith(backend)
        assert found["LOCATION"] == location

    @pytest.mark.parametrize("url", ["locmemcache://", "dummycache://"])
    def test_must_be_shared_in_production(self, url: str, tmp_path: Path) -> None:
        said = fault(tmp_path, "cache", value=url, production=True, default="", broker="Y")

        assert "which does not work here" in said

    @pytest.mark.parametrize(
        "broker",
        ["redis://host/0", "rediss://u:hidden@host:6379/0?x=1", "redis://host", "redis://host/"],
    )
    def test_refuses_the_database_of_the_broker(self, broker: str, tmp_path: Path) -> None:
        process = Process(tmp_path, X="redis://:hidden@host:6379/0", Y=broker)

        with pytest.raises(WrongEnvironment, match=r"^X is the database of Y as well\. Write"):
            process.read("cache", "X", default="", broker="Y")

    @pytest.mark.parametrize(
        "broker", ["redis://host/1", "redis://host:6380/0", "redis://other/0", "local://", ""]
    )
    def test_accepts_another_than_that_of_the_broker(self, broker: str, tmp_path: Path) -> None:
        process = Process(tmp_path, X="redis://host:6379/0", Y=broker)

        assert process.read("cache", "X", default="", broker="Y")


class TestMailer:
    @pytest.mark.parametrize(
        ("url", "port", "tls", "ssl"),
        [
            ("smtp+tls://u%40x:p@host", 587, True, False),
            ("smtp+ssl://u%40x:p@host", 465, False, True),
            ("smtp://u%40x:p@host", 25, False, False),
            ("smtp+ssl://u%40x:p@host:1", 1, False, True),
        ],
    )
    def test_goes_to_the_port_of_its_encryption(
        self, url: str, port: int, tls: bool, ssl: bool, tmp_path: Path
    ) -> None:
        options = value(tmp_path, "mailer", value=url, default={})["OPTIONS"]

        assert (options["port"], options["use_tls"], options["use_ssl"]) == (port, tls, ssl)
        assert (options["username"], options["host"]) == ("u@x", "host")

    def test_may_be_the_console(self, tmp_path: Path) -> None:
        found = value(tmp_path, "mailer", value="consolemail://", production=True, default={})

        assert found["BACKEND"].endswith("console.EmailBackend")
        assert found["OPTIONS"] == {}

    @pytest.mark.parametrize("url", ["dummymail://", "memorymail://", "smtps://host"])
    def test_refuses_what_loses_mail_or_is_ambiguous(self, url: str, tmp_path: Path) -> None:
        assert "does not work here" in fault(tmp_path, "mailer", value=url, default={})


S3 = "s3://key:hidden%2F@host:9000/bucket"


class TestStorage:
    def test_may_be_a_bucket_with_a_region(self, tmp_path: Path) -> None:
        found = value(tmp_path, "storage", value=f"{S3}?region=eu-1", default=tmp_path)

        assert found["OPTIONS"] == {
            "access_key": "key",
            "secret_key": "hidden/",
            "bucket_name": "bucket",
            "endpoint_url": "https://host:9000",
            "region_name": "eu-1",
        }

    def test_is_reached_in_the_clear_only_when_that_is_said(self, tmp_path: Path) -> None:
        found = value(tmp_path, "storage", value=S3.replace("s3:", "s3+http:"), default=tmp_path)

        assert found["OPTIONS"]["endpoint_url"] == "http://host:9000"

    def test_may_be_a_folder(self, tmp_path: Path) -> None:
        url = "file:///srv/my%20media"
        found = value(tmp_path, "storage", value=url, production=True, default=tmp_path)

        assert found["OPTIONS"] == {"location": "/srv/my media"}

    def test_is_a_folder_of_the_project_in_development(self, tmp_path: Path) -> None:
        folder = tmp_path / "a folder"

        found = value(tmp_path, "storage", value="", default=folder)

        assert found["OPTIONS"] == {"location": str(folder)}

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("", "is not set, and production needs it"),
            ("memory://", "begins with memory://"),
            ("/srv/media", "is not a URL"),
            ("file://srv/media", "needs three slashes"),
            ("s3://host/bucket", "needs a key, a secret and a host"),
            ("s3://key@host/bucket", "needs a key, a secret and a host"),
            ("s3://key:hidden@/bucket", "needs a key, a secret and a host"),
            ("s3://key:hidden@host", "names no bucket"),
            ("s3://key:hidden@host/bucket/folder", "names no bucket"),
            ("s3://key:hid/den@host/bucket", "has @ / ? or # in its user name or password"),
            (f"{S3}?regoin=eu-1", "has an option that does not exist"),
            ("gs://key:hidden@host/bucket", "begins with gs://"),
        ],
    )
    def test_names_what_is_wrong_and_no_secret(self, url: str, why: str, tmp_path: Path) -> None:
        line = fault(tmp_path, "storage", value=url, production=True, default=tmp_path)

        assert why in line

    @pytest.mark.parametrize("place", ["project/var", "project", "project/var/../", "", ".."])
    def test_refuses_a_folder_that_holds_more_than_uploads(
        self, place: str, tmp_path: Path
    ) -> None:
        url = f"file://{tmp_path}/{place}"

        line = fault(tmp_path, "storage", value=url, default=tmp_path / "project/var/media")

        assert line == "X would make other files public. Write file:///srv/media."

    @pytest.mark.parametrize("place", ["project/var/media", "project/media", "media"])
    def test_may_be_a_folder_beside_them(self, place: str, tmp_path: Path) -> None:
        url = f"file://{tmp_path}/{place}"

        assert value(tmp_path, "storage", value=url, default=tmp_path / "project/var/media")


class TestSentry:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "https://key@o1.ingest.sentry.io/4507",
            "http://key:hidden@127.0.0.1:9000/1",
            "https://key@example.com/sentry/1",
        ],
    )
    def test_is_the_address_of_a_project(self, url: str, tmp_path: Path) -> None:
        assert value(tmp_path, "sentry", value=url) == url

    @pytest.mark.parametrize(
        "url",
        [
            "https://example.com/1",
            "https://:hidden@example.com/1",
            "https://key@example.com/",
            "https://key@example.com",
            "https://key@example.com/hidden",
            "https://key:hidden@/1",
            "https://key:hidden@:443/1",
        ],
    )
    def test_needs_a_key_a_host_and_a_project(self, url: str, tmp_path: Path) -> None:
        said = fault(tmp_path, "sentry", value=url)

        assert said.startswith("X lacks a key, a host or the number of a project. Write https://")


class TestEnvFile:
    def test_gives_way_to_the_environment(self, tmp_path: Path) -> None:
        process = Process(tmp_path, "# A comment\n\nexport X=1\n  Y=2\r\nZ=", X="3")

        assert process.read("number", "X", default=0) == 3
        assert process.read("number", "Y", default=0) == 2

    def test_may_begin_with_the_mark_that_windows_writes(self, tmp_path: Path) -> None:
        assert Process(tmp_path, b"\xef\xbb\xbfX=2").read("number", "X", default=0) == 2

    def test_need_not_be_there(self, tmp_path: Path) -> None:
        process = Process(tmp_path)
        (tmp_path / ".env").unlink()

        assert process.read("number", "X", default=5) == 5

    def test_can_be_left_out(self, tmp_path: Path) -> None:
        assert Process(tmp_path, "X=1", IGNORE_ENV_FILE="1").read("number", "X", default=5) == 5

    @pytest.mark.parametrize("line", ["this is no line", "X = 2", "- X=1", "X"])
    def test_names_a_line_that_is_no_setting(self, line: str, tmp_path: Path) -> None:
        with pytest.raises(WrongEnvironment, match=r"^\.env:3 is no setting\. Write NAME=value"):
            Process(tmp_path, f"# A comment\nexport Y=1\n{line}\n").read("number", "X", default=1)

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
    def test_must_be_utf_8(self, encoding: str, tmp_path: Path) -> None:
        with pytest.raises(WrongEnvironment, match=r"^\.env is not UTF-8 text\. Save it"):
            Process(tmp_path, "X=é\n".encode(encoding)).read("number", "X", default=1)

    def test_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        process = Process(tmp_path)
        (tmp_path / ".env").unlink()
        (tmp_path / ".env").mkdir()

        with pytest.raises(WrongEnvironment, match=r"^\.env cannot be read: Is a directory"):
            process.read("number", "X", default=1)


class TestCheck:
    def test_lists_all_faults_at_once(self, tmp_path: Path) -> None:
        with mock.patch.dict(os.environ, {"A": "x", "B": "y", "C": "1"}, clear=True):
            environment = Environment(root=tmp_path)
            for name in "ABC":
                environment.number(name, default=0)

            with pytest.raises(WrongEnvironment) as wrong:
                environment.check()

        assert str(wrong.value).splitlines() == [
            "2 settings are wrong (see .env.example):",
            "  A cannot be 'x'. Write a whole number.",
            "  B cannot be 'y'. Write a whole number.",
        ]

    def test_says_once_what_is_wrong_with_a_variable(self, tmp_path: Path) -> None:
        with mock.patch.dict(os.environ, {"A": "x"}, clear=True):
            environment = Environment(root=tmp_path)
            environment.number("A", default=0)
            environment.flag("A", default=True)
            environment.refuse("A", "is on in production.")

            with pytest.raises(WrongEnvironment, match=r"^A cannot be 'x'. Write a whole number.$"):
                environment.check()

    def test_keeps_the_name_of_each_variable_that_was_read(self, tmp_path: Path) -> None:
        with mock.patch.dict(os.environ, {}, clear=True):
            environment = Environment(root=tmp_path)
            environment.flag("A", default=True)
            environment.database("B", default={})

        assert environment.variables == {"DJANGO_ENV", "A", "B"}


class TestDjangoEnv:
    @pytest.mark.parametrize("name", ["production", "Production"])
    def test_is_production(self, name: str, tmp_path: Path) -> None:
        with mock.patch.dict(os.environ, {"DJANGO_ENV": name}, clear=True):
            assert Environment(root=tmp_path).production

    def test_of_another_name_stops_everything(self, tmp_path: Path) -> None:
        with (
            mock.patch.dict(os.environ, {"DJANGO_ENV": "staging"}, clear=True),
            pytest.raises(WrongEnvironment, match="Write one of development, production"),
        ):
            Environment(root=tmp_path)


class TestUseSettings:
    def test_chooses_ours(self) -> None:
        with mock.patch.dict(os.environ, {}, clear=True):
            env.use_settings("config.settings")

            assert os.environ["DJANGO_SETTINGS_MODULE"] == "config.settings"

    def test_ignores_the_celery_settings_of_another_project(self) -> None:
        with mock.patch.dict(os.environ, {"CELERY_CONFIG_MODULE": "shop.celery"}, clear=True):
            env.use_settings("config.settings")

            assert "CELERY_CONFIG_MODULE" not in os.environ

    def test_keeps_another_module_of_this_project(self) -> None:
        with mock.patch.dict(os.environ, {"DJANGO_SETTINGS_MODULE": "config.other"}, clear=True):
            env.use_settings("config.settings")

            assert os.environ["DJANGO_SETTINGS_MODULE"] == "config.other"

    @pytest.mark.parametrize("module", ["shop.settings", "config.settings.local"])
    def test_names_a_module_of_another_project_in_one_line(self, module: str) -> None:
        with (
            mock.patch.dict(os.environ, {"DJANGO_SETTINGS_MODULE": module}, clear=True),
            pytest.raises(SystemExit, match=f"^DJANGO_SETTINGS_MODULE is '{module}', which"),
        ):
            env.use_settings("config.settings")
