"""A TCP proxy on a free port of loopback, in front of a server that a test cannot stop itself."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on, both ways, between its clients on `port` and the server."""

    def __init__(self, *, server: tuple[str, int]) -> None:
        self.server = server
        self.passing = threading.Event()
        self.passing.set()
        self.sockets: set[socket.socket] = set()
        self.port = 0
        self.start()

    def start(self) -> None:
        """Listen, always on the same port."""
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self) -> None:
        """Close every connection and refuse new ones, as a server does that is restarted."""
        _close(self.listener)
        for end in list(self.sockets):
            _close(end)

    def hang(self) -> None:
        """Pass nothing on and keep every connection open, as a server does that hangs."""
        self.passing.clear()

    def resume(self) -> None:
        """Pass everything on again, also what was held back."""
        self.passing.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection(self.server)
            except OSError:
                client.close()
                continue
            self.sockets |= {client, server}
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passing.wait()
                target.sendall(data)
        for end in (source, target):
            _close(end)
            self.sockets.discard(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
    end.close()


@contextlib.contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """Yield a proxy to the server of `url`, and the URL that leads through it."""
    parts = urlsplit(url)
    proxy = Proxy(server=(parts.hostname or "127.0.0.1", parts.port or 0))
    try:
        user, at, _ = parts.netloc.rpartition("@")
        yield proxy, parts._replace(netloc=f"{user}{at}127.0.0.1:{proxy.port}").geturl()
    finally:
        proxy.resume()
        proxy.stop()
