"""What `make demo` does, over HTTP, with a real worker and beat."""

from pathlib import Path

import pytest

import demo

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class TestJourney:
    def test_books_a_seat_mails_it_and_never_oversells(self, desk_project: Path, desk: str) -> None:
        booked = demo.journey(project=desk_project, address=desk)

        assert booked.refusal == "Every seat of this session is taken."
        assert f"Your seat: {booked.title}" in booked.mail.read_text()

    def test_replays_a_mail_that_failed(self, desk_project: Path, desk: str) -> None:
        replayed = demo.recovery(project=desk_project, address=desk)

        assert "InvalidMailer" in replayed.failed
        assert "Your seat" in replayed.mail.read_text()


class TestFreePort:
    @pytest.mark.skipif(not RANGE.exists(), reason="Linux tells which ports it gives to clients")
    def test_is_none_that_the_system_gives_to_clients(self) -> None:
        first, last = map(int, RANGE.read_text().split())

        assert not any(first <= demo.free_port() <= last for _ in range(20))
