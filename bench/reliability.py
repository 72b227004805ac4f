"""What becomes of bookings when something fails: the figures of docs/reliability.md.

    uv run python bench/reliability.py [--only NAME]

A generated example runs in production mode behind its proxy, on servers of its own. Six clients
book seats while a fault lasts and for 20 seconds after it. Then 200 clients want 50 seats at the
same moment, 20 times, on each set-up. Last, several hosts (tests/template/hosts.py). Each writes
its row of the page; `--only` runs one. All take half an hour, on Linux with PostgreSQL's programs,
redis-server and nginx; as root also those for a full disk and for several hosts.
"""

import argparse
import contextlib
import os
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEMPLATE))

import demo  # noqa: E402  # beside this folder, in no installed package
from bench import outages  # noqa: E402
from tests.template import hosts, production  # noqa: E402
from tests.template.production import Load, Production  # noqa: E402

PAGE = TEMPLATE / "docs/reliability.md"
BEFORE, AFTER = 4, 20  # seconds of load without a fault
RUNS, CLIENTS, SEATS = 20, 200, 50
CONTESTS = {"contest_servers": "PostgreSQL and Redis", "contest_files": "SQLite and files"}
MAILS = {"mails_slow": 0.2, "mails_fast": 0.0}  # seconds that the mail server takes for each
HOSTS = ("hosts", *MAILS)
WITH_DISKS = ("postgres", "redis")


def main() -> None:
    names = [*outages.ALL, *CONTESTS, *HOSTS]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=names, metavar="NAME", help=", ".join(names))
    only = parser.parse_args().only
    wanted = [only] if only else names
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o755)  # PostgreSQL has a user of its own
        demo.generate(into=folder)
        project = folder / demo.NAME
        demo.run(["make", "setup"], cwd=project)
        on_servers = [name for name in wanted if name in outages.ALL or name == "contest_servers"]
        if on_servers:
            measure_on_servers(on_servers, project, folder / "servers")
        if "contest_files" in wanted:
            (folder / "files").mkdir()
            with production.running(project, folder / "files", on_servers=False) as site:
                write("contest_files", contest("contest_files", site))
        for name in (name for name in wanted if name in HOSTS):
            write(name, on_hosts(name, project, folder / name))


def measure_on_servers(names: list[str], project: Path, folder: Path) -> None:
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        small = [stack.enter_context(outages.small_disk(folder / server)) for server in WITH_DISKS]
        site = stack.enter_context(production.running(project, folder, on_servers=True))
        for name in names:
            if name == "contest_servers":
                write(name, contest(name, site))
            elif name.endswith("disk_full") and not all(small):
                write(name, [outages.ALL[name].__doc__, "no disk can be mounted here"])
            else:
                write(name, outage(name, site))


def write(name: str, cells: list[object]) -> None:
    """Put a row into the page, in place of the one whose last column is `name`."""
    print(f"{name}: {' | '.join(map(str, cells))}", flush=True)
    page = PAGE.read_text()
    row = f"| {' | '.join(map(str, cells))} | `{name}` |"
    page, count = re.subn(rf"^\|.*\| `{name}` \|$", lambda _: row, page, flags=re.M)
    if count != 1:
        raise ValueError(f"{PAGE} has {count} rows of {name}")
    when = f"{time.strftime('%d %B %Y')}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    PAGE.write_text(re.sub(r"^Last measured: .*$", f"Last measured: {when}.", page, flags=re.M))


def outage(name: str, site: Production) -> list[object]:
    """Return the row of a fault."""
    offer = site.prepare(people=40, sessions=60, seats=1000)
    site.mails.mails.clear()
    with Load(site.site.proxied, offer) as load:
        time.sleep(BEFORE)
        outages.ALL[name](site)
        over = time.monotonic()
        time.sleep(AFTER)
    return [outages.ALL[name].__doc__, *what_happened(site, load, over)]


def what_happened(site: Production, load: Load, over: float) -> list[object]:
    answers = Counter(answer.status for answer in load.answers)
    accepted = [answer.booking for answer in load.answers if answer.booking]
    failed = {status: count for status, count in sorted(answers.items()) if status != 201}
    outcome = production.what_became_of(site, accepted)
    healthy = load.bad_since(over)
    return [
        len(accepted),
        ", ".join(f"{count} x {status or 'none'}" for status, count in failed.items()) or 0,
        outcome.lost + outcome.unsent + outcome.wrong,
        outcome.twice,
        outcome.swept,
        f"{healthy:.1f} s" if healthy else "at once",
        f"{max(answer.seconds for answer in load.answers):.1f} s",
        f"{load.slowest_live:.2f} s",
    ]


def contest(name: str, site: Production) -> list[object]:
    """Return the row of 200 clients who want 50 seats."""
    offer = site.prepare(people=CLIENTS, sessions=RUNS, seats=SEATS)
    runs = [production.contest(site, offer, session) for session in offer.sessions]
    sold = sum(run[201] == SEATS for run in runs)
    answers = sum(runs, Counter[int]())
    shown = ", ".join(f"{count} x {status or 'none'}" for status, count in sorted(answers.items()))
    wrong = production.what_became_of(site, [], seconds=1).wrong
    return [CONTESTS[name], f"{sold} of {len(runs)}", shown, wrong]


def on_hosts(name: str, project: Path, folder: Path) -> list[object]:
    """Return the row of a worker host that is cut off and a web host that dies, or of mails."""
    if reason := hosts.why_not_here():
        return [reason]
    folder.mkdir()
    with hosts.running(project, folder) as site:
        if name in MAILS:
            # In turn, since other work on the machine comes and goes.
            rounds = [
                [hosts.throughput(site, workers=n, mails=90, delay=MAILS[name]) for n in (1, 2, 3)]
                for _ in range(3)
            ]
            rates = [statistics.median(column) for column in zip(*rounds, strict=True)]
            ratios = [f"{rate / rates[0]:.1f}" for rate in rates]
            return [f"{MAILS[name]} s", f"{rates[0]:.1f}", *ratios]
        offer = site.prepare(people=40, sessions=60, seats=1000)
        with Load(site.site.proxied, offer, clients=4) as load:
            time.sleep(BEFORE)
            died = hosts.fail(site)
            time.sleep(AFTER)
        what = "a worker host of three cut off for 10 s, then a web host of two dead"
        return [what, *what_happened(site, load, died)]


if __name__ == "__main__":
    main()
