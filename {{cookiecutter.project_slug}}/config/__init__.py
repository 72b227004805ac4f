# So that `shared_task` finds our Celery application in every process.
from config.celery import app as celery_app

__all__ = ["celery_app"]
