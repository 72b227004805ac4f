"""Two web hosts behind the proxy and three worker hosts: one is cut off, one dies."""

import os
import time
from pathlib import Path

import pytest

from tests.template import hosts, production, servers
from tests.template.production import Load


class TestHosts:
    def test_lose_nothing_and_do_nothing_twice_when_one_is_cut_off_and_one_dies(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        if reason := hosts.why_not_here():
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        servers.needs("postgres", "redis-server", "nginx")

        with hosts.running(desk_project, tmp_path) as site:
            offer = site.prepare(people=30, sessions=30, seats=100)
            last = offer.sessions[-1]  # the load does not come so far
            with (
                Load(site.site.proxied, offer, clients=4, patience=5) as load,
                site.locked("web2", last),
            ):
                time.sleep(2)
                died = hosts.fail(site)
                locked = production.book(site.site.proxied, last, offer.tokens[0])
            accepted = [answer.booking for answer in load.answers if answer.booking]
            outcome = production.what_became_of(site, accepted)

        assert len(accepted) > 50
        assert (outcome.lost, outcome.unsent, outcome.twice, outcome.wrong) == (0, 0, 0, 0), outcome
        assert load.bad_since(died) < 5  # what the dead host had begun, and is not tried again
        assert locked.status == 201, locked  # it waited until PostgreSQL gave the dead host up
