"""What every task of this project shares, set once as `Celery(task_cls=queueing.Task)`.

Tasks are written in Celery's own words (`@shared_task(name=…, max_retries=…)`). This class adds
an owner, log lines, a record of what finally failed, and publishing that never fails a request
whose data is already committed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import Celery, signals
from celery.contrib.django.task import DjangoTask
from celery.utils import uuid
from django.db import transaction
from django.utils import timezone

from conventions import ownership

logger = structlog.get_logger(__name__)

LONGEST_COUNTDOWN = 30 * 60  # seconds; a broker is no calendar: store a due date and sweep


class Task(DjangoTask):  # type: ignore[misc]  # Celery ships no types
    """Celery's Django task, with the house rules.

    Extra words a task may declare: `schedule` (a crontab or a timedelta; beat runs it, and then
    `expires`, in seconds, is needed too). The rest is Celery's.
    """

    max_retries = 3
    default_retry_delay = 10  # seconds
    retry_backoff_max = 600  # seconds
    schedule: Any = None
    queue_name = ""

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
        return super().bind(app)

    @property
    def owner(self) -> str:
        """The team that answers for this task, from its app's OWNERS.toml."""
        return ownership.team_of_module(module=self.run.__module__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except MemoryError as error:
            # Celery takes MemoryError for its own and ends the whole worker.
            raise TaskOutOfMemory(self.name) from error

    def apply_async(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        *positional: Any,
        **options: Any,
    ) -> Any:
        """Publish now. Raises `CountdownTooLong` beyond 30 minutes (a retry's own is exempt)."""
        self._refuse_long_waits(options)
        return super().apply_async(args, kwargs, *positional, **options)

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
        an error or keep later hooks from running: the message becomes an `unpublished` row.
        """
        self._refuse_long_waits(options)
        options.setdefault("task_id", uuid())

        def publish() -> None:
            try:
                self.apply_async(args, kwargs, **options)
            except Exception as error:
                logger.warning("task_unpublished", task=self.name, error=str(error))
                record_failure(
                    task=self,
                    task_id=options["task_id"],
                    args=args,
                    kwargs=kwargs or {},
                    error=error,
                    state="unpublished",
                    at=timezone.now(),
                )

        transaction.on_commit(publish)

    def _refuse_long_waits(self, options: dict[str, Any]) -> None:
        seconds = options.get("countdown") or 0
        if eta := options.get("eta"):
            seconds = (eta - timezone.now()).total_seconds()
        if seconds > LONGEST_COUNTDOWN and not options.get("retries"):
            raise CountdownTooLong(
                f"{self.name}: a wait of {seconds:.0f} s. Store a due date on the row and let a"
                " scheduled task sweep what is due."
            )

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        logger.info("task_started", task=self.name, owner=self.owner, task_id=task_id)

    def on_retry(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        logger.warning(
            "task_retried",
            task=self.name,
            owner=self.owner,
            attempt=self.request.retries + 1,
            of=self.max_retries + 1,
            error=repr(exc),
        )

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        logger.info("task_succeeded", task=self.name, owner=self.owner, task_id=task_id)


def route(name: str, *args: Any, task: Any = None, **kwargs: Any) -> dict[str, str] | None:
    """Celery's router (`task_routes`): send a task to the queue it states."""
    queue = getattr(task, "queue_name", "")
    return {"queue": queue} if queue else None


class CountdownTooLong(ValueError):
    """A message was to wait in the broker for longer than 30 minutes."""


class TaskOutOfMemory(Exception):
    """A task ran out of memory."""


def record_failure(
    *,
    task: Any,
    task_id: str,
    args: Any,
    kwargs: dict[str, Any],
    error: BaseException,
    state: str,
    at: datetime,
    traceback: str = "",
) -> None:
    """Write or refresh the one `FailedTask` row of a task id."""
    from conventions.models import FailedTask  # models need the apps loaded; celery.py does not

    FailedTask.objects.update_or_create(
        task_id=task_id,
        defaults={
            "name": task.name,
            "owner": task.owner,
            "args": list(args),
            "kwargs": kwargs,
            "error": repr(error)[:500],
            "traceback": traceback,
            "attempts": (task.request.retries or 0) + 1 if state == "failed" else 0,
            "state": state,
            "last_failed_at": at,
        },
    )


@signals.task_failure.connect(weak=False, dispatch_uid="conventions.record_failures")
def record_failures(
    sender: Any = None,
    task_id: str = "",
    exception: BaseException | None = None,
    args: Any = (),
    kwargs: dict[str, Any] | None = None,
    einfo: Any = None,
    **_: object,
) -> None:
    """Keep a row of each final failure, also of those whose worker was lost."""
    try:
        logger.error("task_failed", task=sender.name, owner=sender.owner, error=repr(exception))
        record_failure(
            task=sender,
            task_id=task_id,
            args=args or (),
            kwargs=kwargs or {},
            error=exception or RuntimeError("unknown"),
            state="failed",
            at=timezone.now(),
            traceback=str(einfo or ""),
        )
    except Exception:
        # The record must never hide the failure itself.
        logger.exception("task_failure_not_recorded", task=sender.name)


@signals.task_unknown.connect(weak=False, dispatch_uid="conventions.record_unknown_tasks")
def record_unknown_tasks(
    sender: Any = None, name: str = "", message: Any = None, **others: Any
) -> None:
    """Keep a row of a message whose task this worker does not know; Celery drops it."""
    from conventions.models import FailedTask

    args, kwargs, _embed = message.payload if message is not None else ((), {}, {})
    FailedTask.objects.update_or_create(
        task_id=others["id"],
        defaults={
            "name": name,
            "args": list(args),
            "kwargs": kwargs,
            "error": "No such task. Was a task renamed, or the web deployed before the workers?",
            "state": "failed",
            "last_failed_at": timezone.now(),
        },
    )


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


@dataclass(frozen=True)
class Card:
    """One task in words."""

    name: str
    owner: str
    queue: str
    schedule: str
    retries: str
    limit: str


def catalogue(app: Celery) -> list[Card]:
    """Return a card for each task of the project, by name."""
    app.autodiscover_tasks(force=True)
    app.finalize()
    return [
        Card(
            name=name,
            owner=task.owner,
            queue=task.queue_name or app.conf.task_default_queue,
            schedule=_in_words(task.schedule),
            retries=f"up to {task.max_retries}" if task.max_retries else "none",
            limit=f"{task.time_limit or app.conf.task_time_limit} s",
        )
        for name, task in sorted(app.tasks.items())
        if isinstance(task, Task) and not name.startswith("celery.")
    ]


def _in_words(schedule: Any) -> str:
    if schedule is None:
        return "on demand"
    if isinstance(schedule, timedelta):
        return f"every {schedule}"
    return str(schedule)
