"""A picture on its way from a form to a bucket, and out of it again."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from tests.buckets import bucket_url
from tests.template.living import copy_of, python

PROPOSE = """
import html, json, re, urllib.request
from io import BytesIO
from datetime import timedelta
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image
from apps.accounts.models import User
from apps.catalog import services
from apps.catalog.models import Workshop
from config.celery import app

app.conf.task_always_eager = True
client = Client()
client.force_login(User.objects.get(email="demo@example.com"))
output = BytesIO()
Image.new("RGB", (80, 60), "green").save(output, "PNG")

def propose(title):
    picture = SimpleUploadedFile("x.html", output.getvalue())
    data = {"title": title, "summary": "s", "picture": picture}
    return client.post("/workshops/propose/", data)

def stored():
    return len(default_storage.listdir("workshops")[1])

found = {"sent": (propose("New").status_code, stored())}
found["refused"] = (propose("New").status_code, stored())
workshop = Workshop.objects.get(title="New")
services.publish_proposal(workshop_id=workshop.pk, at=timezone.now())
services.schedule_session(
    workshop_id=workshop.pk, starts_at=timezone.now() + timedelta(days=1), minutes=60,
    room="Yard", capacity=1, price_cents=0, at=timezone.now(),
)
page = client.get(f"/sessions/{workshop.sessions.get().public_id}/")
(address,) = re.findall('<img src="([^"]+)"', page.content.decode())
found["policy"] = page["Content-Security-Policy"].partition("img-src ")[2].partition(";")[0]
with urllib.request.urlopen(html.unescape(address)) as answer:
    found["shown"] = answer.headers["Content-Type"]
propose("Bad")
services.reject_proposal(workshop_id=Workshop.objects.get(title="Bad").pk)
found["rejected"] = stored()
print(json.dumps(found))
"""


class TestPictures:
    def test_go_through_a_bucket_and_leave_no_orphan(
        self, desk_project: Path, tmp_path: Path
    ) -> None:
        project = copy_of(desk_project, tmp_path / "desk")
        with bucket_url() as url:
            printed = python(
                project,
                PROPOSE,
                STORAGE_URL=url,
                ALLOWED_HOSTS="testserver",
                CELERY_BROKER_URL="memory://",
            )
            origin = f"http://{urlsplit(url).netloc.rpartition('@')[2]}"

        assert json.loads(printed.splitlines()[-1]) == {
            "sent": [302, 1],
            "refused": [200, 1],
            "policy": f"'self' data: {origin}",
            "shown": "image/webp",
            "rejected": 1,
        }
