"""What people do, in a real browser, on a project that runs."""

import quopri
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

import demo
from tests.template.living import MailedDesk, log_lines, python


def sign_in(page: Page, address: str, email: str, *, password: str = demo.PASSWORD) -> None:
    page.goto(f"{address}/accounts/login/")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def link_in_mail(project: Path, *, subject: str, to: str) -> str:
    """Wait for a mail, which the worker writes into var/mail/, and return the link in it."""

    def found() -> list[str]:
        folder = project / "var" / "mail"
        mails = [quopri.decodestring(path.read_bytes()).decode() for path in folder.glob("*.log")]
        wanted = [text for text in mails if f"Subject: {subject}" in text and f"To: {to}" in text]
        return re.findall(r"http://\S+", "".join(wanted))

    demo.wait_until(lambda: bool(found()), seconds=30, what=f"the mail {subject!r}")
    return found()[-1]


class TestAccounts:
    def test_are_confirmed_by_mail_and_get_a_new_password_by_mail(
        self, page: Page, desk: str, desk_project: Path
    ) -> None:
        email = "new@example.com"
        page.goto(desk)
        page.get_by_role("link", name="Sign up").click()
        page.get_by_label("Email address").fill(email)
        page.get_by_role("button", name="Send a link").click()
        page.get_by_role("heading", name="Check your mail").wait_for()

        page.goto(link_in_mail(desk_project, subject="Your link to sign up", to=email))
        page.get_by_label("Your name").fill("Noor")
        page.get_by_label("New password", exact=False).first.fill("short")
        page.get_by_label("confirmation").fill("short")
        page.get_by_role("button", name="Sign up").click()
        refusal = page.get_by_text("This password is too short.")
        assert refusal.is_visible()
        assert page.get_by_label("Your name").input_value() == "Noor"
        page.get_by_label("New password", exact=False).first.fill("a long walk home")
        page.get_by_label("confirmation").fill("a long walk home")
        page.get_by_role("button", name="Sign up").click()
        sign_in(page, desk, email, password="a long walk home")
        page.get_by_role("button", name="Sign out").click()

        page.get_by_role("link", name="Sign in").click()
        page.get_by_role("link", name="Forgot your password?").click()
        page.get_by_label("Email address").fill(email)
        page.get_by_role("button", name="Send a link").click()
        page.goto(link_in_mail(desk_project, subject="Your link to set a new password", to=email))
        page.get_by_label("New password", exact=False).first.fill("a longer walk home")
        page.get_by_label("confirmation").fill("a longer walk home")
        page.get_by_role("button", name="Set the password").click()
        sign_in(page, desk, email, password="a longer walk home")


class TestBookings:
    def test_are_made_confirmed_by_the_worker_and_cancelled(self, page: Page, desk: str) -> None:
        page.goto(desk)
        page.get_by_role("button", name="See the workshops").click()
        page.get_by_role("link", name="Sourdough from scratch").first.click()
        session = page.url
        page.get_by_role("button", name="Sign in to book a seat").click()
        page.get_by_label("Email address").fill("demo@example.com")
        page.get_by_label("Password").fill(demo.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        assert page.url == session

        page.get_by_role("button", name="Book a seat").click()
        assert "You have a seat" in page.get_by_role("status").inner_text()
        row = page.get_by_role("listitem").filter(has_text="Sourdough from scratch").first

        def is_confirmed() -> bool:
            page.reload()
            return "Confirmation sent" in row.inner_text()

        demo.wait_until(is_confirmed, seconds=30, what="the worker to send the confirmation")
        page.goto(session)
        assert page.get_by_text("You have a seat.").is_visible()
        assert not page.get_by_role("button", name="Book a seat").is_visible()

        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Your booking is cancelled.").wait_for()
        page.goto(session)
        assert page.get_by_role("button", name="Book a seat").is_visible()


class TestApi:
    def test_documents_itself(self, page: Page, desk: str) -> None:
        page.set_viewport_size({"width": 320, "height": 800})
        page.goto(f"{desk}/api/docs")

        page.get_by_text("/api/bookings").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


class TestMap:
    @pytest.mark.parametrize("width", [1280, 390])
    def test_shows_the_apps_and_scrolls_in_its_frame_only(
        self, width: int, page: Page, desk: str
    ) -> None:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{desk}/_map/")

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        picture = page.get_by_role("figure", name="The apps of Workshop Desk")
        size = picture.evaluate("each => [each.clientWidth, Number(each.getAttribute('width'))]")
        assert size[0] == size[1]  # not made smaller: its texts stay legible
        assert "bookings uses catalog. " in str(picture.locator("desc").first.text_content())

        picture.get_by_text("bookings", exact=True).click()
        assert page.url.endswith("/_map/#app-bookings")
        heading = page.get_by_role("heading", name="bookings")
        assert 0 <= heading.evaluate("each => each.getBoundingClientRect().top") < 900

    def test_links_to_the_file_and_to_the_runbook(self, browser: Browser, desk: str) -> None:
        page = browser.new_page()  # a plain text has no icon, and the console would say so
        page.goto(f"{desk}/_map/")
        page.get_by_role("link", name="cancel_booking").click()
        page.wait_for_url("**/_map/apps/bookings/services.py")
        assert "def cancel_booking(*" in page.locator("body").inner_text()

        page.go_back()
        page.get_by_role("link", name="docs/runbooks/bookings.md").click()
        page.wait_for_url("**/_map/docs/runbooks/bookings.md")
        assert page.locator("body").inner_text().startswith("# ")
        page.close()

    def test_is_linked_from_the_admin(self, page: Page, desk: str) -> None:
        sign_in(page, desk, "staff@example.com")
        page.goto(f"{desk}/admin/")
        page.get_by_role("link", name="Map").click()

        page.get_by_role("heading", name="Map", exact=True).wait_for()

    def test_is_drawn_into_a_file_the_same_each_time(self, page: Page, desk_project: Path) -> None:
        picture = desk_project / "docs" / "map.svg"
        demo.run(["make", "map"], cwd=desk_project)
        first = picture.read_bytes()
        demo.run(["make", "map"], cwd=desk_project)

        assert picture.read_bytes() == first
        page.goto(picture.as_uri())
        assert page.get_by_text("curators", exact=True).is_visible()


class TestProposals:
    def test_are_sent_with_a_wrong_and_then_a_right_picture_and_published(
        self, browser: Browser, page: Page, desk: str, tmp_path: Path
    ) -> None:
        wrong, right = tmp_path / "wrong.png", tmp_path / "right.jpg"
        wrong.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
        Image.new("RGB", (1200, 800), "darkgreen").save(right)
        sign_in(page, desk, "demo@example.com")
        page.goto(f"{desk}/sessions/")
        page.get_by_role("link", name="Propose a workshop").click()

        page.get_by_label("Title").fill("Sourdough from scratch")
        page.get_by_label("Summary").fill("Where to look, and what to leave alone.")
        page.get_by_label("food").check()
        page.get_by_label("Picture").set_input_files(wrong)
        page.get_by_role("button", name="Send the proposal").click()
        page.get_by_text("This file is not a PNG, JPEG or WebP picture.").wait_for()

        page.get_by_label("Picture").set_input_files(right)
        page.get_by_role("button", name="Send the proposal").click()
        page.get_by_text("with this title already").wait_for()
        assert page.get_by_label("Summary").input_value().startswith("Where to look")
        assert page.get_by_label("food").is_checked()

        page.get_by_label("Title").fill("A walk for mushrooms")
        page.get_by_label("Picture").set_input_files(right)
        page.get_by_role("button", name="Send the proposal").click()
        page.get_by_text("We will read your proposal soon.").wait_for()

        staff = browser.new_page(viewport={"width": 1280, "height": 800})
        sign_in(staff, desk, "staff@example.com")
        staff.goto(f"{desk}/admin/catalog/workshop/?published_at__isempty=1")
        row = staff.get_by_role("row", name="A walk for mushrooms")
        assert row.locator("img").evaluate("picture => picture.naturalWidth") == 1200
        row.get_by_role("checkbox").check()
        staff.get_by_role("combobox", name="Action").select_option(label="Publish the proposal")
        staff.get_by_role("button", name="Run").click()
        staff.get_by_text("A walk for mushrooms: published.").wait_for()
        staff.close()


class TestFailedTasks:
    def test_are_replayed_in_the_admin_and_mail_once(
        self, page: Page, mailed_desk: MailedDesk
    ) -> None:
        project, mails = mailed_desk.project, mailed_desk.mails
        mails.refuses = True
        visitor = demo.Visitor(mailed_desk.address)
        visitor.sign_in("demo@example.com")
        free = next(s for s in visitor.sessions() if not s["price_cents"] and s["capacity"] > 1)
        assert visitor.book(free["public_id"])[0] == 201

        # The mail server refuses the first try, so there will be another one.
        def retries() -> list[dict[str, object]]:
            return log_lines(project, "task_retried")

        demo.wait_until(lambda: bool(retries()), seconds=60, what="the first retry")
        first = retries()[0]
        assert (first["task"], first["attempt"], first["of"]) == (demo.CONFIRM, 1, 6)
        assert "451" in str(first["error"])

        # Instead of waiting for four more tries, enqueue the message at its last try.
        request_id = str(first["request_id"])
        python(
            project,
            "from structlog.contextvars import bind_contextvars\n"
            "from apps.bookings import tasks\n"
            f"bind_contextvars(request_id={request_id!r})\n"
            "tasks.send_confirmation.apply_async(kwargs={'booking_id': 1}, retries=5)",
        )
        demo.wait_until(
            lambda: bool(log_lines(project, "task_failed")), seconds=60, what="the failed task"
        )
        failure = log_lines(project, "task_failed")[0]
        assert (failure["task"], failure["owner"]) == (demo.CONFIRM, "platform")
        assert mails.mails == []

        # The mail server works again, and somebody replays the task.
        mails.refuses = False
        sign_in(page, mailed_desk.address, "staff@example.com")
        page.goto(f"{mailed_desk.address}/admin/")
        page.get_by_role("link", name="Failed tasks: 1.").click()
        row = page.get_by_role("row", name=demo.CONFIRM)
        assert "docs/runbooks/bookings.md" in row.inner_text()
        row.get_by_role("checkbox").check()
        page.get_by_role("combobox", name="Action").select_option(label="Replay: run again")
        page.get_by_role("button", name="Run").click()
        demo.wait_until(lambda: bool(mails.mails), seconds=60, what="the mail")

        # Another delivery sends nothing more.
        before = len(log_lines(project, "task_succeeded"))
        python(
            project,
            "from apps.bookings import tasks; tasks.send_confirmation.delay(booking_id=1)",
        )
        demo.wait_until(
            lambda: len(log_lines(project, "task_succeeded")) > before, seconds=60, what="its run"
        )
        (mail,) = mails.mails
        assert mail["X-Request-ID"] == request_id
        story = demo.run(["uv", "run", "python", "manage.py", "story", request_id], cwd=project)
        for event in ("request_started", "task_retried", "task_failed", "task_succeeded"):
            assert f"  {event}  " in story, f"the story lacks {event}"
