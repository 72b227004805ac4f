"""What is generated, lived in: set up, checked, grown, and shrunk, by its own commands."""

import os
import re
import shutil
from pathlib import Path

import pytest

import demo


def copy_of(project: Path, to: Path) -> Path:
    """Copy a project that is set up, all but its virtual environment (its paths are absolute)."""
    shutil.copytree(project, to, ignore=shutil.ignore_patterns(".venv", ".*_cache"))
    return to


class TestSetup:
    def test_can_be_repeated_and_keeps_the_secrets(self, desk_project: Path) -> None:
        before = (desk_project / ".env").read_text()

        demo.run(["make", "setup"], cwd=desk_project)

        assert (desk_project / ".env").read_text() == before
        assert "change-me" not in before

    def test_leaves_the_secrets_out_of_git(self, desk_project: Path) -> None:
        assert ".env" in (desk_project / ".gitignore").read_text().splitlines()


class TestMenu:
    def test_is_what_bare_make_prints(self, desk_project: Path) -> None:
        menu = demo.run(["make"], cwd=desk_project)

        for verb in ("setup", "dev", "test", "check", "app"):
            assert f"make {verb} " in menu


class TestCheck:
    def test_passes_for_the_example(self, desk_project: Path) -> None:
        assert "Everything passed." in demo.run(["make", "check"], cwd=desk_project)

    def test_passes_for_an_empty_project_and_then_with_new_apps_of_any_name(
        self, empty_project: Path
    ) -> None:
        assert "Everything passed." in demo.run(["make", "check"], cwd=empty_project)

        # Plural or not, short and long, like a name the templates use, like one pytest looks for.
        for name in ("invoices", "ab", "news", "addresses", "data", "app", "users", "testimonials"):
            demo.run(["make", "app", f"name={name}", "team=platform"], cwd=empty_project)
        for name in (f"{'very_' * 5}long", f"{'very_' * 5}loud"):
            demo.run(["make", "app", f"name={name}", "team=platform"], cwd=empty_project)
        staffs = ["make", "app", "name=suppliers", "team=platform", "profile=crud"]
        demo.run(staffs, cwd=empty_project)

        assert "Everything passed." in demo.run(["make", "check"], cwd=empty_project)
        assert (empty_project / "apps/invoices/tasks.py").is_file()
        assert not (empty_project / "apps/suppliers/tasks.py").exists()

    def test_passes_after_the_example_was_removed(self, desk_project: Path, tmp_path: Path) -> None:
        project = copy_of(desk_project, tmp_path / "desk")

        demo.run(["make", "app", "name=invoices", "team=platform"], cwd=project)
        demo.run(["make", "remove-example"], cwd=project)
        demo.run(["make", "setup"], cwd=project)

        assert "Everything passed." in demo.run(["make", "check"], cwd=project)
        assert not (project / "apps/bookings").exists()
        assert (project / "apps/invoices").exists()

    def test_fails_in_each_step_that_something_breaks_and_says_where(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        breaks = {
            "apps/catalog/views.py": "\n\nimport os\n"  # lint
            "def count(request: HttpRequest) -> HttpResponse:\n"
            "    from apps.catalog.models import Session\n\n"
            "    return HttpResponse( str(Session.objects.count()) )\n",  # format, layout
            "apps/catalog/types.py": "\n\ndef upward():\n"  # types
            "    from apps.catalog import services\n\n"  # imports
            "    return services\n",
            "apps/catalog/models.py": "\n\nclass Renamed(Session):\n"  # migrations
            "    class Meta:\n        proxy = True\n",
            "apps/catalog/tests/test_views.py": "\n\ndef test_warns() -> None:\n"  # tests
            '    __import__("warnings").warn("seen")\n',
        }
        for path, text in breaks.items():
            with (project / path).open("a") as file:
                file.write(text)

        with pytest.raises(demo.DemoFailed) as failed:
            demo.run(["make", "check"], cwd=project)

        said = str(failed.value)
        for step in ("lint", "format", "layout", "imports", "types", "migrations", "tests"):
            assert re.search(rf"^{step} .* FAILED$", said, re.MULTILINE), step
        assert "apps/catalog/views.py:" in said
        assert "doors_do_not_query" in said
        assert "FAILED apps/catalog/tests/test_views.py::test_warns" in said
        assert "Function is missing a return type annotation" in said
        assert "Failed: lint, format, layout" in said


class TestServers:
    def test_pass_the_same_tests_on_postgresql_and_redis(
        self, desk_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        postgres, redis = (
            server_url(name) for name in ("TRELLIS_POSTGRES_URL", "TRELLIS_REDIS_URL")
        )
        servers = {
            "DATABASE_URL": postgres,
            "CACHE_URL": f"{redis}/14",
            "CELERY_BROKER_URL": f"{redis}/15",
        }
        clean = demo.clean_environment()
        monkeypatch.setattr(demo, "clean_environment", lambda: clean | servers)

        assert " passed" in demo.run(["make", "test"], cwd=desk_project)


def server_url(variable: str) -> str:
    """Return a server's address. CI must give it; elsewhere the test says what is missing."""
    if url := os.environ.get(variable):
        return url
    message = f"set {variable} to the address of a server that tests may write to"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
