"""A wire to a server that a test can cut or clog: a TCP proxy on a free port of loopback."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Wire:
    """Carries bytes both ways between whoever connects to `port` and the server."""

    def __init__(self, *, server: tuple[str, int]) -> None:
        self.server = server
        self.clear = threading.Event()
        self.clear.set()
        self.ends: set[socket.socket] = set()
        self.port = 0
        self.come_back()

    def go_down(self) -> None:
        """Break every connection and refuse new ones, as a server does that is restarted."""
        _close(self.listener)
        for end in list(self.ends):
            _close(end)

    def come_back(self) -> None:
        """Listen again, on the same port."""
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def clog(self) -> None:
        """Let nothing through, as a server does that hangs: connections open, and that is all."""
        self.clear.clear()

    def unclog(self) -> None:
        """Let everything through again, also what has waited."""
        self.clear.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return  # closed
            try:
                far = socket.create_connection(self.server)
            except OSError:
                near.close()
                continue
            self.ends |= {near, far}
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.clear.wait()
                target.sendall(data)
        for end in (source, target):
            _close(end)
            self.ends.discard(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
    end.close()


@contextlib.contextmanager
def wired(url: str) -> Iterator[tuple[Wire, str]]:
    """Yield a wire to the server of `url`, and the URL that leads through it."""
    parts = urlsplit(url)
    wire = Wire(server=(parts.hostname or "127.0.0.1", parts.port or 0))
    try:
        person, at, _ = parts.netloc.rpartition("@")
        yield wire, parts._replace(netloc=f"{person}{at}127.0.0.1:{wire.port}").geturl()
    finally:
        wire.unclog()
        wire.go_down()
