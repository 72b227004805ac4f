"""A mail server on loopback that can refuse mail."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.message import Message


class MailServer(socketserver.ThreadingTCPServer):
    """As much of SMTP (RFC 5321) as Python's own client needs.

    Set `refuses` and it takes no mail. `mails` holds what it took, `refused` counts the rest. Set
    `user` and it refuses every password. It takes `delay` seconds for each mail.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Conversation)
        self.refuses = False
        self.delay = 0.0
        self.user = ""
        self.refused = 0
        self.mails: list[Message] = []

    @property
    def url(self) -> str:
        return f"smtp://{self.server_address[0]!s}:{self.server_address[1]}"


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        with suppress(ConnectionError):  # its client was killed
            self.converse()

    def converse(self) -> None:
        self.answer("220 ready")
        while line := self.rfile.readline():
            match line.split(maxsplit=1)[0].upper() if line.strip() else b"":
                case b"MAIL" if self.server.refuses:
                    self.server.refused += 1
                    self.answer("451 try again later")
                case b"DATA":
                    self.answer("354 send the mail")
                    time.sleep(self.server.delay)
                    self.server.mails.append(message_from_bytes(self.read_mail()))
                    self.answer("250 accepted")
                case b"EHLO" if self.server.user:
                    self.answer("250-ready")
                    self.answer("250 AUTH PLAIN")
                case b"AUTH":
                    self.answer("535 wrong password")
                case b"QUIT":
                    self.answer("221 bye")
                    return
                case _:
                    self.answer("250 OK")

    def read_mail(self) -> bytes:
        """Return a whole mail. Raises `ConnectionResetError`."""
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise ConnectionResetError
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def answer(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server(*, host: str = "127.0.0.1") -> Iterator[MailServer]:
    """Run a mail server for the time of a `with` block."""
    with MailServer(host=host) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
