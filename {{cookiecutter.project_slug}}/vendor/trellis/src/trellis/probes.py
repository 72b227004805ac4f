"""Ask what the project depends on whether it works: `manage.py doctor` and `/health/ready`.

A probe is a function that uses one dependency for real. It returns what it found in a few words,
or raises an error. `answer` asks it in bounded time. An answer may name a host, never a password.
"""

import os
import re
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from urllib.parse import unquote

from celery import current_app
from django.conf import settings
from django.core.cache import caches
from django.core.checks import WARNING, run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.mail import mailers
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from kombu import Exchange, Producer, Queue

from trellis.tasks import catalogue

SECONDS = 2.5  # that an answer may take
MAX_SKEW = 2.0  # seconds; claims and limits compare times that several hosts have written
MIN_FREE = 500_000_000  # bytes


class Fault(Exception):
    """What a probe found wrong; other errors are those of the dependency."""


@dataclass(frozen=True)
class Probe:
    """A question to one dependency, and a fix. Without the probe called `needs` it fails too."""

    name: str
    ask: Callable[[], str]
    fix: str
    needs: str


@dataclass(frozen=True)
class Answer:
    """Whether a dependency works, and what was found, in one line."""

    ok: bool
    text: str


ALL: list[Probe] = []  # in the order in which to ask
_running: dict[str, Future[str]] = {}
_lock = threading.Lock()


def answer(probe: Probe, *, seconds: float = SECONDS) -> Answer:
    """Ask a probe, and wait for so many seconds. Never raises.

    Calls at the same time share one answer, also while it hangs: so at most one thread waits for
    each dependency, however often it is asked.
    """
    with _lock:
        future = _running.get(probe.name)
        if future is None or future.done():
            future = _running[probe.name] = Future()
            threading.Thread(target=_ask, args=(probe, future), daemon=True).start()
    try:
        return Answer(True, future.result(timeout=seconds))
    except Exception as error:  # each dependency has error classes of its own
        if not future.done():
            return Answer(False, f"no answer in {seconds} s")
        kind = "" if isinstance(error, Fault) else f"{type(error).__name__}: "
        return Answer(False, _presentable(f"{kind}{error}"))


def _ask(probe: Probe, future: Future[str]) -> None:
    try:
        future.set_result(probe.ask())
    except BaseException as error:
        future.set_exception(error)
    finally:
        connections.close_all()  # those of this thread


def _presentable(text: str) -> str:
    """Return a text as one line of 300 characters at most, without the passwords of our URLs."""
    for value in os.environ.values():
        for password in re.findall(r"://[^/@:]*:([^@\s]+)@", value):
            text = text.replace(password, "…").replace(unquote(password), "…")
    return " ".join(text.split())[:300]


def _probe(name: str, *, fix: str, needs: str = "") -> Callable[[Callable[[], str]], Probe]:
    def register(ask: Callable[[], str]) -> Probe:
        ALL.append(Probe(name, ask, fix, needs))
        return ALL[-1]

    return register


@_probe("proxy", fix="Set PROXY_COUNT to the number of proxies, or SECURE_SSL_REDIRECT to false.")
def proxy() -> str:
    """What the settings tell of the proxies in front."""
    if not settings.PRODUCTION:
        return "not in development"
    if settings.SECURE_SSL_REDIRECT and not settings.PROXY_COUNT:
        raise Fault("HTTP redirects to HTTPS for ever: no proxy may say that HTTPS was used")
    if plain := [one for one in settings.CSRF_TRUSTED_ORIGINS if one.startswith("http:")]:
        raise Fault(f"CSRF_TRUSTED_ORIGINS needs https:// before {', '.join(plain)}")
    return f"{settings.PROXY_COUNT} in front"


@_probe("disk", fix="Let the user of this process, and nobody else, read and write var/.")
def disk() -> str:
    """Who may read and write what the project keeps, and how much space there is."""
    if os.statvfs(settings.VAR_DIR).f_flag & os.ST_RDONLY:
        return "read-only: nothing is kept here"  # the image, with a volume for uploads at most
    with tempfile.TemporaryFile(dir=settings.VAR_DIR, buffering=0) as file:
        file.write(b"doctor")
    for path in (settings.VAR_DIR, settings.BASE_DIR / ".env"):
        if path.exists() and path.stat().st_mode & 0o077:
            raise Fault(f"others may read it: chmod go= '{path}'")
    free = shutil.disk_usage(settings.VAR_DIR).free
    if free < MIN_FREE:
        raise Fault(f"{free // 1_000_000} MB free: make room, or take a larger disk")
    return f"{free / 1e9:.1f} GB free"


@_probe("database", fix="Is DATABASE_URL right, its server running, and new enough?")
def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    version = ".".join(map(str, connection.get_database_version()))
    return f"{connection.display_name} {version}"


@_probe("settings", needs="database", fix="manage.py check --deploy explains it.")
def checks() -> str:
    """Django's checks, which look at the database too; in production, those for it as well."""
    if wrong := list(_misspelled_variables()):
        raise Fault("; ".join(wrong))
    messages = run_checks(include_deployment_checks=settings.PRODUCTION)
    found = [one for one in messages if one.level >= WARNING and not one.is_silenced()]
    if found:
        raise Fault("; ".join(f"{one.id} {one.msg.partition('. ')[0]}" for one in found))
    return "production" if settings.PRODUCTION else "development"


def _misspelled_variables() -> Iterator[str]:
    """Yield what to say of each name in `.env` that is nearly one of `.env.example`."""
    files = [settings.BASE_DIR / name for name in (".env.example", ".env")]
    texts = [path.read_text(encoding="utf-8-sig") if path.exists() else "" for path in files]
    known, used = (set(re.findall(r"^(?:# )?(\w+)=", text, re.M)) for text in texts)
    for name in sorted(used - known):
        for meant in get_close_matches(name, known, 1, 0.85):
            yield f"nothing reads {name} in .env. Did you mean {meant}?"


@_probe("clock", needs="database", fix="Let NTP set the clock of this host and the database's.")
def clock() -> str:
    """This host's clock against the database's."""
    if connection.vendor != "postgresql":
        return "the same as the database's"
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        skew = (cursor.fetchone()[0] - timezone.now()).total_seconds()
    if abs(skew) > MAX_SKEW:
        raise Fault(f"the database's is {skew:+.1f} s from this host's")
    return f"{skew:+.1f} s from the database's"


@_probe("rights", needs="database", fix="Let the user of DATABASE_URL own the database.")
def rights() -> str:
    """What a migration may do. It is rolled back, so that nothing is left."""
    table = f"trellis_doctor_{uuid.uuid4().hex}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {table} (id integer)")
        cursor.execute(f"ALTER TABLE {table} ADD COLUMN name integer")
        cursor.execute(f"DROP TABLE {table}")
        transaction.set_rollback(True)
    return "may create, alter and drop tables"


@_probe("migrations", needs="database", fix="Run manage.py migrate.")
def migrations() -> str:
    executor = MigrationExecutor(connection)
    if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise Fault(f"not applied: {', '.join(str(migration) for migration, _ in plan)}")
    return "all applied"


@_probe("cache", fix="Is CACHE_URL right? For dbcache://, run manage.py createcachetable.")
def cache() -> str:
    """A value that is stored, read and deleted again."""
    key, cache = f"trellis.doctor.{uuid.uuid4().hex}", caches["default"]
    cache.set(key, key, timeout=60)
    if cache.get(key) != key:
        raise Fault("does not return what was stored")
    cache.delete(key)
    return type(cache).__name__


@_probe("broker", fix="Is CELERY_BROKER_URL right, and its server running?")
def broker() -> str:
    """A message to a queue of its own, and back."""
    name = f"trellis.doctor.{uuid.uuid4().hex}"
    with current_app.connection_for_write() as link:
        link.ensure_connection(max_retries=1, timeout=SECONDS)
        # `expires` is for RabbitMQ and Redis, if this process is killed before the end.
        queue = Queue(name, Exchange(name, auto_delete=True), routing_key=name, expires=60)
        queue = queue(link.default_channel)
        queue.declare()
        try:
            Producer(link.default_channel, queue.exchange).publish({}, routing_key=name)
            for _ in range(100):
                if message := queue.get():
                    message.ack()
                    return str(link.as_uri())  # without its password
                time.sleep(0.02)
        finally:
            queue.delete()
    raise Fault("does not return a message")


@_probe("workers", needs="broker", fix="Start one: make dev, or the worker of compose.yaml.")
def workers() -> str:
    """Whether a worker answers, and whether one listens to each queue."""
    answers = current_app.control.inspect(timeout=1).active_queues()
    if not answers:
        raise Fault("none answers")
    heard = {queue["name"] for queues in answers.values() for queue in queues}
    default = current_app.conf.task_default_queue
    used = {task.queue_name or default for task in catalogue.tasks_of(current_app)}
    if unheard := sorted(used - heard):
        raise Fault(f"none has {', '.join(unheard)} among its --queues")
    return ", ".join(sorted(answers))


@_probe("schedule", needs="database", fix="Do beat and a worker run? docs/runbooks/tasks.md")
def schedule() -> str:
    at = timezone.now()
    # trellis.republish_unpublished is due each minute, so that one is late soon if nothing runs.
    late = catalogue.late_tasks(app=current_app, at=at, since=at - timedelta(minutes=5))
    if late:
        raise Fault(f"late: {', '.join(late)}")
    return "no task is late"


@_probe("mail", fix="Is EMAIL_URL right: smtp+tls or smtp+ssl, host, port, user, password?")
def mail() -> str:
    """A connection with TLS and login, without sending anything."""
    mailer = mailers["default"]
    host = getattr(mailer, "host", "")
    if not host:
        return f"no server: {type(mailer).__module__}"
    mailer.open()
    mailer.close()
    return str(host)


@_probe("storage", fix="Is STORAGE_URL right, and may its user write, read and delete?")
def storage() -> str:
    """A file that is stored, read and deleted again."""
    name = default_storage.save(f"trellis-doctor-{uuid.uuid4().hex}", ContentFile(b"doctor"))
    try:
        with default_storage.open(name) as file:
            if file.read() != b"doctor":
                raise Fault("does not return what was stored")
    finally:
        default_storage.delete(name)
    return str(default_storage.__class__.__name__)
