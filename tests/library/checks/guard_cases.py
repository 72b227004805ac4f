"""What breaks the guards that watch queries, and what only looks as if it did.

A case is the module that it stands in and its code. `run` is called with a row, a request of a
signed-in user, and that user. The line that ends in `# !` breaks the rule. In SHORT, a case is the
body of `run` alone, and breaks the rule if the name of its list is the name of a rule.
"""

from textwrap import dedent

HEAD = """\
from dataclasses import dataclass
from typing import Any
from django import forms
from django.contrib import admin, auth, messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import Group, update_last_login
from django.contrib.auth.views import PasswordChangeView
from django.core.cache import cache
from django.core.management.base import BaseCommand
from django.db import connection, models, transaction
from django.shortcuts import get_object_or_404
from django.views import generic
from apps.accounts.models import User
from apps.shop.models import Item
from trellis import reads
from trellis.models import Claim, CacheUse
class ItemForm(forms.ModelForm):
    class Meta:
        model = Item
        fields = ["name", "seller"]
BACKEND = "django.contrib.auth.backends.ModelBackend"
NEW = "q7hw2-vb"
DELETE_OLD = "WITH old AS (SELECT 1 AS id) DELETE FROM shop_item WHERE id IN (SELECT id FROM old)"
"""
RUN = "def run(item, request, user):\n    "

SHORT = {
    "doors_do_not_query": [
        ("views", "Item.objects.count()"),
        ("views", "Item.named('a')"),
        ("views", "list(Item.reviewed.all())"),
        ("views", "list(request.user.groups.all())"),
        ("views", "item.refresh_from_db()"),
        ("views", "get_object_or_404(Item, pk=1)"),
        ("views", "connection.cursor().execute('select count(*) from shop_item')"),
        ("api", "models.prefetch_related_objects([User(pk=user.pk)], 'groups')"),
        ("tasks", "Item.objects.exists()"),
        ("templatetags.garden", "User.objects.first()"),
        ("context_processors", "Item.objects.count()"),
        ("sitemaps", "Item.objects.get(pk=item.pk)"),
    ],
    "near doors_do_not_query": [
        ("views", "request.user.email"),
        ("views", "request.user.has_perm('shop.add_item')"),
        ("views", "messages.success(request, 'ok')"),
        ("views", "request.session.get('a')"),
        ("views", "auth.authenticate(username='a', password='b')"),
        ("views", "[row.name for row in reads.promised(Item.objects.all())]"),
        ("views", "reads.promised(Item.objects.all()).count()"),
        ("forms", "assert 'ada@' in str(ItemForm())"),
        ("forms", "assert ItemForm({'name': 'x', 'seller': user.pk}).is_valid()"),
        ("admin", "[row.name for row in Item.objects.all()]"),
        ("backends", "User.objects.get(email='ada@example.com')"),
        ("services", "Item.objects.count()"),
        ("selectors", "Item.objects.count()"),
        ("caches", "Item.named('a')"),
        ("tests.test_views", "Item.objects.update(name='b')"),
        ("services.tests.factories", "Item.objects.update(name='b')"),
        ("migrations.0002_fill", "Item.objects.update(name='b')"),
        ("apps", "Item.objects.count()"),
    ],
    "doors_do_not_write": [
        ("views", "item.save()"),
        ("views", "item.rename('b')"),
        ("views", "reads.promised(Item.objects.all()).update(name='b')"),
        ("views", "request.user.save()"),
        ("views", "request.user.groups.clear()"),
        ("views", "User.objects.create_user('b@example.com')"),
        ("views", "update_last_login(None, user)"),
        ("views", "ItemForm({'name': 'x', 'seller': user.pk}).save()"),
        ("api", "reads.promised(Item.objects.all()).delete()"),
        ("admin", "item.save()"),
        ("management.commands.plant", "Item.objects.bulk_create([Item(name='c', seller=user)])"),
        ("tasks", "item.delete()"),
        ("signals", "item.delete()"),
    ],
    "near doors_do_not_write": [
        ("views", "auth.login(request, user, backend=BACKEND)"),
        ("views", "auth.logout(request)"),
        ("views", "request.session['a'] = 1; request.session.save()"),
        ("views", "ItemForm({'name': 'x', 'seller': user.pk}).save(commit=False)"),
        ("views", "cache.set('a', 1)"),
    ],
    "selectors_only_read": [
        ("selectors", "item.save()"),
        ("selectors", "Item.objects.get_or_create(name='b', seller=user)"),
        ("selectors", "list(Item.objects.select_for_update())"),
        ("selectors", "connection.cursor().execute('/* tidy */ delete from shop_item')"),
        ("selectors", "connection.cursor().execute(DELETE_OLD)"),
        ("caches", "item.rename('b')"),
    ],
    "near selectors_only_read": [
        ("selectors", "cache.set('a', 1)"),
        ("selectors", "Item.objects.filter(name='FOR UPDATE').exists()"),
        ("selectors", "Item.objects.filter(name='INSERT INTO shop_item').exists()"),
    ],
    "apps_write_their_own_tables": [
        ("services", "item.save()"),
        ("services", "item.rename('b')"),
        ("services", "Item(name='b', seller=user).save()"),
        ("services", "item.seller.save()"),
        ("services", "auth.get_user_model().objects.update(name='b')"),
        ("services", "user.groups.clear()"),
        ("services", "item.delete()"),
        ("services", "connection.cursor().execute('update shop_item set name = %s', ['b'])"),
    ],
    "near apps_write_their_own_tables": [
        ("services", "Group.objects.create(name='DELETE FROM shop_item')"),
        ("services", "auth.login(request, user, backend=BACKEND)"),
        ("services", "CacheUse.objects.create(name='a', day='2030-01-01')"),
        ("services", "Claim.objects.filter(name='UPDATE shop_item SET').delete()"),
    ],
}

LONG = {
    "doors_do_not_query": [
        (
            "management.commands.plant",
            """
            class Command(BaseCommand):
                def handle(self, **options):
                    Item.objects.count()  # !
            def run(item, request, user):
                Command().execute(no_color=True, force_color=False, skip_checks=True)
            """,
        ),
        (
            "forms",
            """
            class Form(forms.Form):
                def clean(self):
                    Item.objects.filter(name="a").exists()  # !
            def run(item, request, user):
                Form({}).is_valid()
            """,
        ),
        (
            "forms",
            """
            class Choice(forms.ModelChoiceField):
                def label_from_instance(self, obj):
                    return obj.user_permissions.count()  # !
            class Form(forms.Form):
                # Prefetched, it is read without a cursor that PostgreSQL would keep open.
                user = Choice(User.objects.prefetch_related("groups"))
            def run(item, request, user):
                str(Form())
            """,
        ),
        (
            "middleware",
            """
            class CountVisits:
                def __call__(self, request):
                    return Item.objects.count()  # !
            def run(item, request, user):
                CountVisits()(request)
            """,
        ),
        (
            "views",
            """
            def run(item, request, user):
                (row,) = reads.promised(User.objects.filter(pk=user.pk))
                row.groups.count()  # !
            """,
        ),
    ],
    "near doors_do_not_query": [
        (
            "forms",
            """
            class Narrowed(ItemForm):
                def __init__(self, *args, **kwargs):
                    super().__init__(*args, **kwargs)
                    self.fields["seller"].queryset = User.objects.filter(email="ada@example.com")
            def run(item, request, user):
                assert "ada@" in str(Narrowed())
            """,
        ),
        (
            "views",
            """
            class Items(generic.ListView):
                queryset = Item.objects.order_by("pk")
                paginate_by = 1
                def get_context_data(self, **kwargs):
                    return super().get_context_data(**kwargs)
            def run(item, request, user):
                Items.as_view(template_name="refused.html")(request)
            """,
        ),
        (
            "admin",
            """
            class ItemAdmin(admin.ModelAdmin):
                def names(self, request, queryset):
                    return [row.name for row in queryset]
            def run(item, request, user):
                ItemAdmin(Item, admin.site).names(request, Item.objects.all())
            """,
        ),
    ],
    "doors_do_not_write": [
        (
            "views",
            """
            def run(item, request, user):
                form = SetPasswordForm(user, {"new_password1": NEW, "new_password2": NEW})
                assert form.is_valid()
                form.save()  # !
            """,
        ),
        (
            "views",
            """
            class Rename(generic.UpdateView):
                model, fields, success_url = Item, ["name"], "/"
                def form_valid(self, form):
                    return super().form_valid(form)  # !
            def run(item, request, user):
                request.method, request.POST = "POST", {"name": "b"}
                Rename.as_view()(request, pk=item.pk)
            """,
        ),
        (
            "admin",
            """
            class ItemAdmin(admin.ModelAdmin):
                def retire(self, request, queryset):
                    queryset.update(name="old")  # !
            def run(item, request, user):
                ItemAdmin(Item, admin.site).retire(request, Item.objects.all())
            """,
        ),
    ],
    "near doors_do_not_write": [
        (
            "views",
            """
            class Change(PasswordChangeView):
                success_url = "/"
                def form_valid(self, form):
                    return super().form_valid(form)
            def run(item, request, user):
                request.user, request.method = user, "POST"
                request.POST = {"old_password": "old", "new_password1": NEW, "new_password2": NEW}
                assert Change.as_view()(request).status_code == 302
            """,
        ),
        (
            "admin",
            """
            class ItemAdmin(admin.ModelAdmin):
                def save_model(self, request, obj, form, change):
                    obj.name = "b"
                    super().save_model(request, obj, form, change)
            def run(item, request, user):
                ItemAdmin(Item, admin.site).save_model(request, item, None, True)
            """,
        ),
    ],
}


def cases(rule: str) -> list[tuple[str, str]]:
    """Return the module and the code of each case of a list."""
    mark = "" if rule.startswith("near ") else "  # !"
    short = [(layer, f"{RUN}{body}{mark}") for layer, body in SHORT[rule]]
    return [*short, *((layer, dedent(code)) for layer, code in LONG.get(rule, []))]
