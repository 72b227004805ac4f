"""The class of every task, where its messages go, and when the scheduled ones run.

Tasks are written in Celery's own words (`@shared_task(name=…, max_retries=…)`). `Task` adds an
owner, log lines that carry the id of the request, one run at a time of what is scheduled, and
publishing that never fails a request whose data is already committed. Late acknowledgement and
redelivery are settings (docs/adr/0004); what fails for good is a row (docs/adr/0009).
"""

import time
from typing import Any

import structlog
from celery import Celery
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore
from celery.utils import uuid
from django.db import transaction
from django.utils import timezone

from trellis import ownership, tracing
from trellis.tasks import recording, runs

logger = structlog.get_logger(__name__)

LONGEST_COUNTDOWN = 30 * 60  # seconds; a broker is no calendar: store a due date and sweep
NOTED_EVERY = 60  # seconds: a success of a task on demand is written down no more often


class Task(DjangoTask):  # type: ignore[misc]  # Celery ships no types
    """Celery's Django task, with the house rules.

    Extra words a task may declare: `schedule` (a crontab or a timedelta; beat runs it, and then
    `expires`, in seconds, is needed too). The rest is Celery's.
    """

    Request = "trellis.tasks.worker:Request"
    max_retries = 3
    default_retry_delay = 10  # seconds
    retry_backoff_max = 600  # seconds
    schedule: Any = None
    queue_name = ""
    noted_at = float("-inf")  # on the monotonic clock of this process

    @classmethod
    def bind(cls, app: Celery) -> Any:
        # Celery 6 drops the `queue` attribute in favour of a central routing table. Where a task
        # runs is best read where it is written, so we keep the word and `route` acts on it.
        if "queue" in cls.__dict__:
            cls.queue_name = cls.__dict__["queue"]
            del cls.queue
        # A task that states a shorter limit than the default keeps a soft one beneath it.
        if cls.time_limit and not cls.soft_time_limit:
            cls.soft_time_limit = cls.time_limit * 0.9
        for word in ("default_retry_delay", "retry_backoff_max"):
            if getattr(cls, word) > LONGEST_COUNTDOWN:
                raise CountdownTooLong(
                    f"{cls.name}: {word} is {getattr(cls, word)} s. Set it to {LONGEST_COUNTDOWN}"
                    " at most."
                )
        return super().bind(app)

    @property
    def owner(self) -> str:
        """The team that answers for this task, from its app's OWNERS.toml."""
        team = ownership.team_of_module(module=self.run.__module__)
        return team or ownership.team_of_the_house()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self.request.called_directly:
                return super().__call__(*args, **kwargs)
            if self.schedule is None:
                return self.run(*args, **kwargs)
            return self._run_alone(*args, **kwargs)
        except MemoryError as error:
            # Celery takes MemoryError for its own and ends the whole worker.
            raise TaskOutOfMemory(self.name) from error

    def _run_alone(self, *args: Any, **kwargs: Any) -> Any:
        """Run a scheduled task under its lease (runs.py has the policy)."""
        task_id, now = self.request.id, timezone.now()
        limit = self.time_limit or self.app.conf.task_time_limit
        if not runs.take_lease(name=self.name, task_id=task_id, at=now, time_limit=limit):
            holder, until = runs.holder_of(name=self.name)
            if holder == task_id and until:
                # The message came again, its worker is dead: the work is still to be done.
                wait = min(max(1.0, (until - now).total_seconds()), LONGEST_COUNTDOWN)
                tried = self.request.retries  # else a task that kills its worker never gives up
                self.apply_async(args, kwargs, countdown=wait, task_id=task_id, retries=tried)
            logger.warning("task_skipped", task=self.name, owner=self.owner, held_by=holder)
            raise Ignore
        succeeded_at = None
        try:
            result = self.run(*args, **kwargs)
            succeeded_at = timezone.now()
            return result
        finally:
            runs.end_lease(name=self.name, task_id=task_id, succeeded_at=succeeded_at)

    def apply_async(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        *positional: Any,
        **options: Any,
    ) -> Any:
        """Publish now. Raises `CountdownTooLong` beyond 30 minutes."""
        self._refuse_long_waits(options)
        return super().apply_async(args, kwargs, *positional, **options)

    def retry(self, *args: Any, **options: Any) -> Any:
        """Try again later. Raises `CountdownTooLong` beyond 30 minutes: the task has failed.

        Celery would take the refusal, when it publishes, for a broker that is away.
        """
        self._refuse_long_waits(options)
        return super().retry(*args, **options)

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """Publish once the transaction has committed, with plain arguments."""
        self.apply_async_on_commit(args=args, kwargs=kwargs)

    def apply_async_on_commit(
        self,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Publish once the transaction has committed.

        The user's data is safe by then, so a broker that refuses must not turn the request into
        an error or keep later hooks from running: the message becomes an `unpublished` row. That
        keeps the arguments and no options: it goes out at once, when the broker is back, to the
        queue its task states.
        """
        self._refuse_long_waits(options)
        options.setdefault("task_id", uuid())

        def publish() -> None:
            try:
                self.apply_async(args, kwargs, **options)
            except Exception as error:
                logger.warning("task_unpublished", task=self.name, error=str(error))
                recording.record(
                    task=self,
                    task_id=options["task_id"],
                    args=args,
                    kwargs=kwargs,
                    error=error,
                    published=False,
                    at=timezone.now(),
                )

        transaction.on_commit(publish)

    def _refuse_long_waits(self, options: dict[str, Any]) -> None:
        seconds = options.get("countdown") or 0
        if eta := options.get("eta"):
            seconds = (eta - timezone.now()).total_seconds()
        if seconds > LONGEST_COUNTDOWN:
            raise CountdownTooLong(
                f"{self.name}: a wait of {seconds:.0f} s. Store a due date on the row and let a"
                " scheduled task sweep what is due."
            )

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        if not self.request.is_eager:  # eager, it is a part of what called it
            tracing.begin(self.request)
        logger.info("task_started", task=self.name, owner=self.owner, attempt=self._attempt)

    def on_retry(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        # Where a lost worker is the reason, there is no `Retry`, and Celery takes the default.
        retry = getattr(einfo.exception, "exc", einfo.exception)
        logger.warning(
            "task_retried",
            task=self.name,
            owner=self.owner,
            attempt=self._attempt,
            of=self.max_retries + 1,
            next_in=getattr(retry, "when", self.default_retry_delay),  # seconds
            error=repr(exc),
        )

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        logger.info("task_succeeded", task=self.name, owner=self.owner)
        if self.schedule is None and time.monotonic() - self.noted_at > NOTED_EVERY:
            self.noted_at = time.monotonic()
            try:
                runs.note_success(name=self.name, at=timezone.now())
            except Exception:
                logger.exception("task_success_not_noted", task=self.name)

    @property
    def _attempt(self) -> int:
        return (self.request.retries or 0) + 1


def route(name: str, *args: Any, task: Any = None, **kwargs: Any) -> dict[str, str] | None:
    """Celery's router (`task_routes`): send a task to the queue it states."""
    queue = getattr(task, "queue_name", "")
    return {"queue": queue} if queue else None


class CountdownTooLong(ValueError):
    """A message was to wait in the broker for longer than 30 minutes."""


class TaskOutOfMemory(Exception):
    """A task ran out of memory."""


def beat_schedule(app: Celery) -> dict[str, dict[str, Any]]:
    """Return Celery's `beat_schedule`, made of the tasks that declare `schedule=`.

    A run that could not start before it `expires` is dropped: the next one does its work.
    """
    return {
        task.name: {
            "task": task.name,
            "schedule": task.schedule,
            "options": {"expires": task.expires},
        }
        for task in app.tasks.values()
        if getattr(task, "schedule", None) is not None
    }
