"""What all tasks of a project share. Tasks are written in Celery's own words.

base.py       the class of every task: publishing after the commit, leases, log lines
claims.py     `once`: an outside effect that happens once; the lease of a scheduled run
recording.py  a task that failed for good becomes a row
failures.py   such a row is replayed or discarded
runs.py       when each task last succeeded
catalogue.py  which tasks there are, and which are late
retention.py  what is deleted when it is old
worker.py     what a worker's main process does with messages
scheduled.py  the library's own scheduled tasks
"""

from trellis.tasks import scheduled as scheduled  # Celery's autodiscovery finds them here
from trellis.tasks.claims import InProgress, once
from trellis.tasks.failures import given_up

__all__ = ["InProgress", "given_up", "once", "scheduled"]
