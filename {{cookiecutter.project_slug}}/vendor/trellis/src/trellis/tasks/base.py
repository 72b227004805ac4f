"""The class of every task, where its messages go, and when the scheduled ones run.

Tasks are written in Celery's own words (`@shared_task(name=…, max_retries=…)`). `Task` adds an
owner, log lines with the request id, publishing after the commit that cannot fail a request,
retries where the database was away or locked, and scheduled runs that do not overlap. The rest is
settings: config/celery.py.
"""

import inspect
import time
from typing import Any, NoReturn

import structlog
from celery import Celery
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Reject, Retry
from celery.utils import uuid
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from kombu.exceptions import KombuError
from kombu.serialization import dumps

from trellis import ownership, tracing
from trellis.tasks import claims, recording, runs
from trellis.tasks.claims import InProgress

logger = structlog.get_logger(__name__)

LONGEST_COUNTDOWN = 30 * 60  # seconds; a broker is no calendar: store a due date and sweep
NOTE_SUCCESS_EVERY = 60  # seconds, for each task on demand and process


class CountdownTooLong(ValueError):
    """A message was to wait in the broker for longer than 30 minutes."""


class TaskOutOfMemory(Exception):
    """A task ran out of memory."""


class Task(DjangoTask):
    """Celery's Django task with our rules.

    A task may also declare `schedule` (a crontab or a timedelta), and then needs `expires` in
    seconds. All other options are Celery's.
    """

    Request = "trellis.tasks.worker:Request"
    max_retries = 3
    default_retry_delay = 10  # seconds
    retry_backoff_max = 600  # seconds
    schedule: Any = None
    queue_name = ""
    states_time_limit = True  # and does not just have the default of the settings
    success_noted_at = float("-inf")  # on this process's monotonic clock

    @classmethod
    def bind(cls, app: Celery) -> Any:
        """Finish the class of one task. Raises `CountdownTooLong` if its retries wait too long."""
        # Celery 6 drops the `queue` attribute in favour of a central routing table. A queue is
        # best read where the task is written, so `celery_app.route` acts on it.
        if "queue" in cls.__dict__:
            cls.queue_name = cls.__dict__["queue"]
            del cls.queue
        if cls.time_limit is None:
            cls.states_time_limit = False
        if cls.time_limit and not cls.soft_time_limit:
            # Otherwise the default soft limit applies, which may be longer than this hard one.
            cls.soft_time_limit = cls.time_limit * 0.9
        for option in ("default_retry_delay", "retry_backoff_max"):
            if getattr(cls, option) > LONGEST_COUNTDOWN:
                raise CountdownTooLong(
                    f"{cls.name}: {option} is {getattr(cls, option)} s. Set it to"
                    f" {LONGEST_COUNTDOWN} at most."
                )
        return super().bind(app)

    @property
    def owner(self) -> str:
        """The team that owns the task's app."""
        team = ownership.team_of_module(module=self.run.__module__)
        return team or ownership.default_team()

    def apply_async(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        *positional: Any,
        **options: Any,
    ) -> Any:
        """Publish now. Raises `CountdownTooLong` beyond 30 minutes."""
        self._check_countdown(options)
        return super().apply_async(args, kwargs, *positional, **options)

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """Publish when the transaction has committed. See `apply_async_on_commit`."""
        self.apply_async_on_commit(args=args, kwargs=kwargs)

    def apply_async_on_commit(
        self,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Publish when the transaction has committed.

        Arguments that the task does not take, and arguments and options that are no plain values,
        raise `TypeError` here and not after the commit. By then the user's data is safe, so a
        broker that is away must not fail the request or keep later hooks from running: the message
        becomes an `unpublished` row, with its arguments and without options.
        """
        self._check_countdown(options)
        self._check_arguments(args, kwargs or {}, options)
        options.setdefault("task_id", uuid())

        def publish() -> None:
            try:
                self.apply_async(args, kwargs, **options)
            except Exception as error:
                logger.warning("task_unpublished", task=self.name, error=str(error))
                recording.record_unpublished(self, options["task_id"], args, kwargs, error=error)

        transaction.on_commit(publish)

    def _check_arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], options: dict[str, Any]
    ) -> None:
        serializer = options.get("serializer", self.serializer)
        try:
            inspect.signature(self.run).bind(*args, **kwargs)
            dumps((args, kwargs, options), serializer=serializer)
        except (TypeError, KombuError) as error:
            raise TypeError(
                f"{self.name} cannot be sent with these arguments or options: {error}. Pass what it"
                " takes, as ids and other plain values."
            ) from error

    def _check_countdown(self, options: dict[str, Any]) -> None:
        seconds = options.get("countdown") or 0
        if eta := options.get("eta"):
            seconds = (eta - timezone.now()).total_seconds()
        if not seconds <= LONGEST_COUNTDOWN:  # so that NaN is refused, too
            raise CountdownTooLong(
                f"{self.name}: a wait of {seconds:.0f} s. Store a due date on the row and let a"
                " scheduled task sweep what is due."
            )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self.request.called_directly:
                return super().__call__(*args, **kwargs)
            if self.schedule is not None:
                return self._run_with_lease(*args, **kwargs)
            return self.run(*args, **kwargs)
        except MemoryError as error:
            # Celery takes MemoryError for its own and ends the whole worker.
            raise TaskOutOfMemory(self.name) from error
        except InProgress as error:
            raise self.retry(exc=error) from error
        except (OperationalError, InterfaceError) as error:
            # The database restarts, or another transaction held a lock for too long.
            if self.request.called_directly:
                raise
            raise self.retry(exc=error) from error

    def _run_with_lease(self, *args: Any, **kwargs: Any) -> Any:
        """Run a scheduled task, unless another run of it is on: the next run does its work."""
        task_id, at = self.request.id, timezone.now()
        lease, taken = claims.take(name=self.name, key=claims.LEASE, holder=task_id, at=at)
        if not taken and lease.holder == task_id:
            # The message came again because its worker died. Wait until that run is over.
            raise InProgress(lease.expires_at)
        if not taken:
            logger.warning("task_skipped", task=self.name, owner=self.owner, held_by=lease.holder)
            raise Ignore
        try:
            return self.run(*args, **kwargs)
        finally:
            claims.release(lease, at=at)

    def retry(self, *args: Any, **options: Any) -> Any:
        """Try again later. Raises `CountdownTooLong` beyond 30 minutes: the task has failed.

        (Celery would take that error, raised while it publishes, for a broker that is away.)
        """
        self._check_countdown(options)
        error = options.get("exc")
        if isinstance(error, InProgress) and not self.request.called_directly:
            self._retry_when_claim_ends(error)
        return super().retry(*args, **options)

    def _retry_when_claim_ends(self, error: InProgress) -> NoReturn:
        """Publish the message again. This wait is none of the task's `max_retries`."""
        seconds = (error.until - timezone.now()).total_seconds()
        seconds = min(max(seconds, 1), LONGEST_COUNTDOWN)
        if self.request.is_eager:  # there is nobody to wait
            raise Retry(exc=error, when=seconds, is_eager=True)
        again = self.signature_from_request(countdown=seconds)
        try:
            again.apply_async()
        except Exception as refusal:
            raise Reject(refusal, requeue=False) from refusal  # becomes an `unpublished` row
        raise Retry(exc=error, when=seconds, sig=again)

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        if not self.request.is_eager:  # an eager task is a part of what called it
            tracing.begin(self.request)
        logger.info("task_started", task=self.name, owner=self.owner, attempt=self._attempt)

    def on_retry(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        # If a worker was lost there is no `Retry`, and Celery waits for the default delay.
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
        since = time.monotonic() - self.success_noted_at
        if self.schedule is None and since < NOTE_SUCCESS_EVERY:
            return
        self.success_noted_at = time.monotonic()
        try:
            runs.note_success(name=self.name, at=timezone.now())
        except Exception:
            logger.exception("task_success_not_noted", task=self.name)

    @property
    def _attempt(self) -> int:
        return (self.request.retries or 0) + 1
