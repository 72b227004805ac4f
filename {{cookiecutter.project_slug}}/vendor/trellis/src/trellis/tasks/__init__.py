"""What every task of the project shares. Tasks are written in Celery's own words.

base.py       the class of every task: publishing after the commit, queues, the schedule
claims.py     `once`: an outside effect that happens once; the lease of a scheduled run
recording.py  a task that failed for good becomes a row
failures.py   what is done with such a row: replay, discard
runs.py       when each task last succeeded
catalogue.py  every task in words, and which are late
worker.py     what a worker's main process knows about its messages
scheduled.py  the library's own scheduled tasks
"""

from trellis.tasks import scheduled as scheduled  # where Celery's autodiscovery finds them
from trellis.tasks.claims import InProgress, once
from trellis.tasks.failures import given_up

__all__ = ["InProgress", "given_up", "once", "scheduled"]
