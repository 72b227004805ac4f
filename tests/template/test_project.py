"""A generated project by its own commands: set up, checked, extended and reduced."""

import re
import shutil
from pathlib import Path

import pytest

import demo
from tests.template.living import copy_of, python, server_url

STEPS = ("lint", "format", "layout", "types", "django", "deployment", "migrations", "tests")


class TestSetup:
    def test_can_be_repeated_and_keeps_secrets_and_data(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        count = "from apps.accounts.models import User; print(User.objects.count())"
        secrets = (project / ".env").read_text()
        users = python(project, count)
        (project / ".venv").unlink()  # so that it makes one of its own

        demo.run(["make", "setup"], cwd=project)

        assert (project / ".env").read_text() == secrets
        assert "change-me" not in re.sub("#.*", "", secrets)
        assert python(project, count) == users

    def test_works_again_after_the_example_was_removed(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        project = copy_of(desk_project, tmp_path / "desk")

        demo.run(["make", "app", "name=invoices", "team=platform"], cwd=project)
        demo.run(["make", "remove-example"], cwd=project)
        shutil.rmtree(project / "var")  # as remove-example tells
        demo.run([".venv/bin/trellis", "setup"], cwd=project)

        demo.run([".venv/bin/trellis", "check"], cwd=project)
        demo.run([".venv/bin/pytest", "-q", "apps/invoices"], cwd=project)

    def test_keeps_the_secrets_out_of_git(self, desk_project: Path) -> None:
        assert ".env" in (desk_project / ".gitignore").read_text().splitlines()
        assert (desk_project / ".env").stat().st_mode & 0o077 == 0


class TestMenu:
    def test_lists_every_target_that_has_a_description(self, desk_project: Path) -> None:
        menu = demo.run(["make"], cwd=desk_project)

        for verb in ("setup", "dev", "test", "check", "app", "owners", "tasks"):
            assert f"make {verb} " in menu
        assert all(len(line) <= 120 for line in menu.splitlines())


class TestCheck:
    def test_passes_for_the_example(self, desk_project: Path) -> None:
        assert "Everything passed." in demo.run(["make", "check"], cwd=desk_project)

    def test_passes_for_an_empty_project_and_then_with_new_apps_of_any_name(
        self, empty_project: Path
    ) -> None:
        assert "Everything passed." in demo.run(["make", "check"], cwd=empty_project)

        # Plural or not, short and long, like a name the templates use, like one pytest looks for.
        long = "very_very_very_long_app"
        for name in ("invoices", "ab", "news", "addresses", "data", "testimonials", long):
            demo.run(["make", "app", f"name={name}", "team=platform"], cwd=empty_project)
        layers = "with=api,tasks,admin,forms,caches,clients"
        demo.run(["make", "app", "name=everything", "team=platform", layers], cwd=empty_project)

        assert "Everything passed." in demo.run(["make", "check"], cwd=empty_project)

    def test_fails_in_each_step_that_something_breaks_and_ends_with_their_names(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        breaks = {
            "apps/bookings/views.py": "\n\nimport os\n"  # lint
            "def count(request: HttpRequest) -> HttpResponse:\n"
            "    from apps.bookings.models import Booking\n\n"
            "    return HttpResponse( str(Booking.objects.count()) )\n",  # format, layout
            "apps/catalog/types.py": "\n\ndef untyped():\n    return None\n",  # types
            "apps/catalog/models.py": "\n\nclass Renamed(Session):\n"  # migrations
            "    class Meta:\n        proxy = True\n",
            "config/settings.py": '\nX_FRAME_OPTIONS = "NONE"\nTEMPLATES[0]["NAME"] = 7\n'
            'STATICFILES_DIRS = ["static"]\nSTATIC_ROOT = "static"\n',  # django
            "apps/catalog/tests/test_services.py": "\n\ndef test_warns() -> None:\n"  # tests
            '    __import__("warnings").warn("seen")\n',
        }
        for path, text in breaks.items():
            with (project / path).open("a") as file:
                file.write(text)

        with pytest.raises(demo.DemoFailed) as failed:
            demo.run(["make", "check"], cwd=project)

        printed = str(failed.value)
        for step in STEPS:
            assert re.search(rf"^{step} .* FAILED$", printed, re.MULTILINE), step
        assert "apps/bookings/views.py:" in printed
        assert "FAILED apps/catalog/tests/test_services.py::test_warns" in printed
        assert "Function is missing a return type annotation" in printed
        assert f"Failed: {', '.join(STEPS)}." in printed.splitlines()[-len(STEPS) - 2]


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
