from collections.abc import Callable

import pytest

from apps.bookings import services, tasks


class TestTasks:
    @pytest.mark.parametrize(
        ("task", "service", "arguments"),
        [
            (tasks.send_confirmation, "send_confirmation", {"booking_id": 7}),
            (tasks.expire_unpaid_holds, "expire_unpaid_holds", {}),
            (tasks.resend_overdue_confirmations, "resend_overdue_confirmations", {}),
        ],
    )
    def test_call_their_service_and_bring_the_clock(
        self,
        task: Callable[..., None],
        service: str,
        arguments: dict[str, int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen: list[dict[str, object]] = []
        monkeypatch.setattr(services, service, lambda **given: seen.append(given))

        task(**arguments)

        (given,) = seen
        assert given.pop("at") is not None
        assert given == arguments
