import inspect
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldFetchBlocked
from django.template import Context, Template, engines
from pytest_django import Settings
from structlog.testing import capture_logs

from trellis import reads
from trellis.checks.guards import RuleBroken
from trellis.reads import gate
from trellis.reads.gate import no_queries

pytestmark = pytest.mark.django_db


class TestNoQueries:
    def test_refuses_a_query_and_names_the_block_and_the_query(self) -> None:
        with (
            pytest.raises(RuleBroken, match=r"while rendering a\.html: SELECT"),
            no_queries("rendering a.html"),
        ):
            get_user_model().objects.exists()

    def test_logs_the_query_and_runs_it_in_production(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gate, "on_query", gate.log_query)

        with capture_logs() as logged, no_queries("rendering a.html"):
            assert not get_user_model().objects.exists()

        (line,) = logged
        assert (line["event"], line["where"]) == ("query_outside_selector", "rendering a.html")

    def test_adds_the_fix_to_the_error_of_a_relation_that_was_not_loaded(self) -> None:
        get_user_model().objects.create(email="ada@example.com")
        (person,) = reads.promised(get_user_model().objects.only("pk"))

        with pytest.raises(FieldFetchBlocked) as blocked, no_queries("rendering a.html"):
            person.email  # noqa: B018

        (note,) = blocked.value.__notes__
        assert note.startswith("It was read while rendering a.html. Let the selector load it")


class SeatForm(forms.Form):
    person = forms.ModelChoiceField(get_user_model().objects.all())

    def __init__(self) -> None:
        super().__init__()
        narrowed = get_user_model().objects.filter(is_active=True)
        self.fields["person"].queryset = narrowed  # type: ignore[attr-defined]


class TestFormInAPage:
    def test_may_query_its_choices(self) -> None:
        get_user_model().objects.create(email="ada@example.com")

        with no_queries("rendering a.html"):
            page = Template("{{ form }}").render(Context({"form": SeatForm()}))

        assert "ada@example.com" in page

    def test_must_not_query_for_each_label(
        self, monkeypatch: pytest.MonkeyPatch, settings: Settings
    ) -> None:
        settings.BASE_DIR = Path(__file__).parent
        get_user_model().objects.create(email="ada@example.com")

        def label(self: object, person: Any) -> str:
            return str(person.groups.count())

        monkeypatch.setattr(forms.ModelChoiceField, "label_from_instance", label)

        with (
            pytest.raises(RuleBroken, match=r"^test_gate\.py:\d+: pages_do_not_query: "),
            no_queries("rendering a.html"),
        ):
            str(SeatForm())


class TestCallerLocation:
    def test_is_the_line_of_the_project_that_runs_the_query(self, settings: Settings) -> None:
        def read() -> None:
            get_user_model().objects.exists()

        settings.BASE_DIR = Path(__file__).parent
        line = inspect.getsourcelines(read)[1] + 1

        with (
            pytest.raises(RuleBroken, match=rf"^test_gate\.py:{line}: "),
            no_queries("a test"),
        ):
            read()

    def test_is_the_line_of_the_template_that_runs_the_query(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        settings.BASE_DIR = tmp_path
        (tmp_path / "people.html").write_text("<ul>\n{% for p in people.all %}{% endfor %}</ul>")
        settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
        template = engines["django"].get_template("people.html")

        with (
            pytest.raises(RuleBroken, match=r"^people\.html:2: "),
            no_queries("a test"),
        ):
            template.render({"people": get_user_model().objects})
