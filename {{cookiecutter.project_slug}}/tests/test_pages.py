import pytest
from django.test import Client
from pytest_django import Settings


class TestPages:
    @pytest.mark.django_db
    def test_home_opens(self, client: Client) -> None:
        assert client.get("/").status_code == 200

    @pytest.mark.django_db
    def test_home_shows_in_development_what_the_visitor_can_use(
        self, client: Client, admin_client: Client, settings: Settings
    ) -> None:
        settings.DEBUG = True

        stranger, staff = (each.get("/").content.decode() for each in (client, admin_client))

        assert "Sign in as" in stranger
        assert "/admin/" not in stranger
        assert "Sign in as" not in staff
        assert "/admin/" in staff

    def test_an_unknown_url_has_a_page(self, client: Client) -> None:
        answer = client.get("/nowhere/")

        assert answer.status_code == 404
        assert "This page does not exist." in answer.content.decode()

    @pytest.mark.django_db
    def test_the_api_documents_itself_without_another_server(self, client: Client) -> None:
        page = client.get("/api/docs").content.decode()

        assert "swagger-ui" in page
        assert "https://" not in page

    def test_carry_a_content_security_policy(self, client: Client) -> None:
        assert "default-src 'self'" in client.get("/api/docs")["Content-Security-Policy"]

    @pytest.mark.django_db
    def test_a_form_without_its_token_has_a_page(self) -> None:
        answer = Client(enforce_csrf_checks=True).post("/accounts/login/")

        assert answer.status_code == 403
        assert "open for too long" in answer.content.decode()
