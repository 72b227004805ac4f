"""The demo's booking, over HTTP, with a real worker and beat."""

from pathlib import Path

import demo


class TestJourney:
    def test_books_mails_and_never_oversells(self, desk_project: Path, desk: str) -> None:
        story = demo.journey(project=desk_project, address=desk)

        assert story.refusal == "Every seat of this session is taken."
        assert f"Your seat: {story.title}" in story.mail.read_text()

    def test_replays_a_mail_that_failed(self, desk_project: Path, desk: str) -> None:
        repaired = demo.recovery(project=desk_project, address=desk)

        assert "open" in repaired.failed
        assert "InvalidMailer" in repaired.failed
        assert "Your seat" in repaired.mail.read_text()
