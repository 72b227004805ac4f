import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest
from django.contrib.auth import hashers

from trellis.web import hashing
from trellis.web.status import TooManyRequests


class TestArgon2PasswordHasher:
    @pytest.mark.parametrize("method", ["encode", "verify"])
    def test_takes_two_passwords_at_a_time_lets_four_wait_and_refuses_another(
        self, method: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, gate = threading.Semaphore(0), threading.Event()

        def hash_slowly(*args: object) -> None:
            begun.release()
            gate.wait(20)

        monkeypatch.setattr(hashers.Argon2PasswordHasher, method, hash_slowly)
        take = getattr(hashing.Argon2PasswordHasher(), method)
        with ThreadPoolExecutor(7) as pool:
            asked = {pool.submit(take, number) for number in range(7)}
            refused, others = wait(asked, timeout=20, return_when=FIRST_COMPLETED)
            at_once = [begun.acquire(timeout=seconds) for seconds in (20, 20, 0.1)]
            gate.set()

            assert [type(one.exception()) for one in refused] == [TooManyRequests]
            assert [one.exception() for one in others] == [None] * 6
            assert at_once == [True, True, False]
            assert take(8) is None  # they have all left
