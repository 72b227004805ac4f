from uuid import UUID

from django.core import mail

from apps.accounts import clients


class TestSendMail:
    def test_sends_a_second_copy_with_the_same_message_id(self) -> None:
        for _ in range(2):
            clients.send_mail(
                to="ada@example.com",
                subject="Your link",
                template="accounts/mail/sign_up.txt",
                mail_id=UUID(int=7),
                link="https://a.example/?a=1&b=2",
            )

        ids = {sent.extra_headers["Message-ID"] for sent in mail.outbox}
        assert ids == {f"<{UUID(int=7)}@accounts>"}
        assert "https://a.example/?a=1&b=2\n" in mail.outbox[0].body
