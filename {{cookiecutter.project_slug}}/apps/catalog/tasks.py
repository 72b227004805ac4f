"""Tasks of the catalog. Each calls one service."""

from celery import shared_task

from apps.catalog import services


@shared_task(
    name="catalog.delete_picture",
    autoretry_for=(OSError,),  # the errors of the storage
    retry_backoff=10,
    max_retries=5,
    soft_time_limit=50,
    time_limit=60,
)
def delete_picture(*, name: str) -> None:
    """Delete the file of a picture that no workshop has."""
    services.delete_picture(name=name)
