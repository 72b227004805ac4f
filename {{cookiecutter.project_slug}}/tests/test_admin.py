"""Every page of the admin, for every model that is registered, however many rows there are."""

from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test import Client, RequestFactory
from django.urls import reverse
from factory.django import DjangoModelFactory
from trellis import testing

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)


def factory_of(model: type[models.Model]) -> Any:
    """Return the factory that the app's tests have for a model."""
    if not model.__module__.startswith("apps."):
        return None
    factories = import_module(f"{apps.get_app_config(model._meta.app_label).name}.tests.factories")
    found: list[Any] = [one for one in vars(factories).values() if isinstance(one, type)]
    return next(
        one for one in found if issubclass(one, DjangoModelFactory) and one._meta.model is model
    )


def add_rows(model: type[models.Model], rows: int) -> None:
    """Add rows by the model's factory; those of packages, which have none, by their fields."""
    if factory := factory_of(model):
        factory.create_batch(rows)
        return
    have = model._default_manager.count()
    for number in range(have, have + rows):
        model._default_manager.create(**dict(_values(model, number)))


def _values(model: type[models.Model], number: int) -> Iterator[tuple[str, object]]:
    for field in model._meta.concrete_fields:
        if field.has_default() or field.null or field.blank or field.primary_key:
            continue
        if isinstance(field, models.ForeignKey):
            continue
        if isinstance(field, models.DateTimeField):
            yield field.name, datetime(2130, 1, 1, tzinfo=UTC)
        elif isinstance(field, models.GenericIPAddressField):
            yield field.name, "127.0.0.1"
        elif isinstance(field, models.CharField | models.TextField):
            yield field.name, f"{field.name} {number}"
        else:
            yield field.name, number


@pytest.fixture
def client(client: Client, db: None) -> Client:
    client.force_login(get_user_model().objects.create_superuser("root@example.com"))
    return client


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
class TestPages:
    def test_open_and_take_the_same_queries_for_one_row_and_for_a_hundred(
        self,
        model: type[models.Model],
        client: Client,
    ) -> None:
        add_rows(model, 1)
        row = model._default_manager.order_by("-pk").first()
        assert row is not None
        root = get_user_model().objects.get(email="root@example.com")

        def grow(rows: int) -> None:
            add_rows(model, rows)
            log = LogEntry(
                user=root,
                content_type=ContentType.objects.get_for_model(model),
                object_id=str(row.pk),
                action_flag=CHANGE,
            )
            LogEntry.objects.bulk_create(copy(log) for _ in range(rows))

        address = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
        statuses = testing.assert_constant_page(
            client,
            reverse(f"{address}changelist"),
            *(
                reverse(f"{address}{page}", args=[row.pk])
                for page in ("change", "history", "delete")
            ),
            grow=grow,
        )

        request = RequestFactory().get("/")
        request.user = root
        may_delete = admin.site.get_model_admin(model).has_delete_permission(request, row)
        assert statuses == [200, 200, 200, 200 if may_delete else 403]
