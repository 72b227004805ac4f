from config import logging


class TestAddOwner:
    def test_names_the_team_on_lines_of_an_app(self) -> None:
        event = logging.add_owner(None, "info", {"logger": "apps.accounts.services"})

        assert event["owner"]

    def test_leaves_other_lines_alone(self) -> None:
        assert "owner" not in logging.add_owner(None, "info", {"logger": "django.request"})


class TestTagOwner:
    def test_finds_the_innermost_code_of_ours(self) -> None:
        frames = [{"module": "apps.accounts.services"}, {"module": "django.db"}]
        event = {"exception": {"values": [{"stacktrace": {"frames": frames}}]}}

        assert logging.tag_owner(event, {})["tags"]["owner"]

    def test_leaves_events_without_our_code_alone(self) -> None:
        assert logging.tag_owner({"message": "hello"}, {}) == {"message": "hello"}
