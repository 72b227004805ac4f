"""Requests that no browser sends, and the status that each must get."""

from dataclasses import dataclass

HOST = "Host: localhost"
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
PROGRAM = "Authorization: Bearer $TOKEN"  # of a demo user
SIGN_IN, BOOKINGS, SESSIONS = "POST /accounts/login/", "POST /api/bookings", "GET /api/sessions"
SECRET = "c" * 32  # a token may be its own secret
COOKIE = f"Cookie: csrftoken={SECRET}"
CLOSED = 0  # nginx ends the connection without an answer


@dataclass(frozen=True)
class Hostile:
    """A request, and the status that it gets through the proxy and directly."""

    what: str
    proxied: int
    direct: int
    data: bytes
    or_proxied: int | None = None  # where the moment decides


def request(line: str, *headers: str, body: bytes = b"", version: str = "HTTP/1.1") -> bytes:
    """Return a request as it is sent, with a Host and the length of its body."""
    given = " ".join(headers).lower()
    length = f"Content-Length: {len(body)}" if body and "content-length" not in given else ""
    length = "" if "transfer-encoding" in given else length
    host = "" if "host:" in given else HOST
    lines = [f"{line} {version}", *filter(None, [host, length]), "Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def sign_in(name: bytes, *headers: str, content_type: str = FORM) -> bytes:
    """Return a sign-in with a wrong password."""
    form = f"csrfmiddlewaretoken={SECRET}&password=wrong&username=".encode() + name
    return request(SIGN_IN, content_type, COOKIE, *headers, body=form)


def book(body: bytes, *headers: str, content_type: str = JSON) -> bytes:
    """Return a booking by a program that may book."""
    return request(BOOKINGS, content_type, PROGRAM, *headers, body=body)


def multipart(fields: int) -> bytes:
    """Return a form of so many fields."""
    part = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n'
    return part * fields + b"--b--\r\n"


def path(text: str) -> bytes:
    return request(f"GET {text}")


ROWS = (
    # Paths
    Hostile("a path with a NUL", 400, 404, path("/%00")),
    Hostile("a path out of the root", 400, 404, path("/../../etc/passwd")),
    Hostile("an encoded path out of the root", 400, 404, path("/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd")),
    Hostile("a path to the settings", 404, 404, path("/static/../config/settings.py")),
    Hostile("a path out of the uploads", 400, 404, path("/media/..%2f..%2f.env")),
    Hostile("a path with backslashes", 404, 404, path("/static/..\\..\\manage.py")),
    Hostile("a path that is not UTF-8", 404, 404, path("/%ff%fe")),
    Hostile("the environment", 404, 404, path("/.env")),
    Hostile("the history", 404, 404, path("/.git/config")),
    Hostile("a path of 3,000 characters", 404, 404, path("/" + "a" * 3000)),
    Hostile("a path of 20,000 characters", 414, 414, path("/" + "a" * 20_000)),
    Hostile("a path that names another host", 404, 404, path("//evil.example/")),
    Hostile("the URL of another host", 200, 200, path("http://evil.example/")),
    Hostile("an id that is none", 404, 404, path("/api/sessions/1%20OR%201=1")),
    Hostile("a redirect to another host", 200, 200, path("/accounts/login/?next=https://evil.example/")),
    Hostile("a link to sign up that was made up", 404, 404, path("/accounts/sign-up/made-up/")),
    Hostile("a link to reset a password that was made up", 404, 404, path("/accounts/password-reset/MQ/made-up/")),
    Hostile("the documentation of the API", 403, 403, path("/api/docs")),
    Hostile("the description of the API", 403, 403, path("/api/openapi.json")),
    Hostile("the admin", 302, 302, path("/admin/")),
    # Queries
    Hostile("a cursor that was made up", 400, 400, path("/api/sessions?cursor=eyJ")),
    Hostile("a cursor with a NUL", 400, 400, path("/api/sessions?cursor=%00")),
    Hostile("a filter with a NUL", 400, 400, path("/api/sessions?title=%00")),
    Hostile("a filter that is not UTF-8", 200, 200, path("/api/sessions?title=%ed%a0%80")),
    Hostile("10,000 parameters", 414, 414, path("/api/sessions?" + "a=1&" * 10_000)),
    Hostile("1,200 parameters", 400, 400, path("/api/sessions?" + "a&" * 1200)),
    # Lines
    Hostile("TLS on a port for HTTP", 400, 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n"),
    Hostile("a version that does not exist", 505, 400, request("GET /", version="HTTP/9.9")),
    Hostile("a version of last century", 200, 200, request("GET /", version="HTTP/1.0")),
    Hostile("a method in small letters", 400, 400, request("get /")),
    Hostile("a method that does not exist", 403, 403, request("BREW /")),
    Hostile("TRACE", 405, 405, request("TRACE /")),
    Hostile("CONNECT", 400, 404, request("CONNECT example.com:443")),
    Hostile("DELETE of a page", 403, 403, request("DELETE /")),
    Hostile("a line of nothing", 400, 400, b"\r\n\r\n\r\n\r\nnothing\r\n\r\n"),
    # Headers
    Hostile("no host", 400, 400, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
    Hostile("two hosts", 400, 400, request("GET /", HOST, "Host: evil.example")),
    Hostile("another host", 400, 400, request("GET /", "Host: evil.example")),
    Hostile("a host with a space", 400, 400, request("GET /", "Host: local host")),
    Hostile("a header of 40,000 characters", 400, 431, request("GET /", "X-Long: " + "a" * 40_000)),
    Hostile("100 headers", 431, 431, request("GET /", *(f"X-{n}: {n}" for n in range(100)))),
    Hostile("a header with a space in its name", 400, 400, request("GET /", "X Y: z")),
    Hostile("a header with a NUL", 400, 400, request("GET /", "X-Y: a\0b")),
    Hostile("a header on two lines", 400, 400, request("GET /", "X-Y: a\r\n b")),
    Hostile("a header without a colon", 200, 400, request("GET /", "X-Y")),
    Hostile("a header with an underscore", 200, 200, request("GET /", "X_Forwarded_Proto: https")),
    Hostile("a cookie of 7,000 characters", 200, 200, request("GET /", "Cookie: sessionid=" + "a" * 7000)),
    Hostile("a session that was made up", 401, 401, request("GET /api/bookings", "Cookie: sessionid=..%00")),
    Hostile("a language of 500 characters", 200, 200, request("GET /", "Accept-Language: " + "en," * 166)),
    Hostile("a token that was made up", 401, 401, request("GET /api/bookings", "Authorization: Bearer x")),
    Hostile("a password where a token is wanted", 401, 401, request("GET /api/bookings", "Authorization: Basic eDp4")),
    Hostile("a token for health that was made up", 200, 200, request("GET /health/ready", "Authorization: Bearer \xff")),
    Hostile("an expectation that does not exist", 200, 417, request("GET /", "Expect: magic")),
    Hostile("an upgrade to a socket", 200, 200, request("GET /", "Upgrade: websocket")),
    # Lengths
    Hostile("a negative length", 400, 400, request(SIGN_IN, FORM, "Content-Length: -1")),
    Hostile("a length that is no number", 400, 400, request(SIGN_IN, FORM, "Content-Length: x")),
    Hostile("two lengths", 400, 400, request(SIGN_IN, FORM, "Content-Length: 1", "Content-Length: 2", body=b"ab")),
    Hostile("a length and chunks", 400, 400, request(SIGN_IN, FORM, "Content-Length: 3", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    Hostile("an encoding that does not exist", 501, 501, request(SIGN_IN, FORM, "Transfer-Encoding: xchunked", body=b"0\r\n\r\n")),
    Hostile("a chunk of no size", 400, 403, request(SIGN_IN, FORM, COOKIE, "Transfer-Encoding: chunked", body=b"zz\r\n\r\n")),
    Hostile("chunks that never end", CLOSED, 403, request(SIGN_IN, FORM, COOKIE, "Transfer-Encoding: chunked", body=b"1\r\nx\r\n")),
    Hostile("a body that never ends", CLOSED, 403, request(SIGN_IN, FORM, COOKIE, "Content-Length: 1000", body=b"x")),
    Hostile("a body of 30 MB, announced", 413, 400, request(SIGN_IN, FORM, COOKIE, "Content-Length: 30000000", body=b"x")),
    # 502 if nginx is still writing when the web process, which reads no more, has answered.
    Hostile("a form of 3 MB", 400, 400, request(SIGN_IN, FORM, COOKIE, body=b"a" * 3_000_000), 502),
    Hostile("a form of 5,000 fields", 400, 400, request(SIGN_IN, FORM, COOKIE, body=b"a=1&" * 5000)),
    # Forms
    Hostile("no CSRF token", 403, 403, request(SIGN_IN, FORM, body=b"username=a&password=b")),
    Hostile("a form of another site", 403, 403, sign_in(b"a", "Origin: https://evil.example")),
    Hostile("a name of 300 characters", 200, 200, sign_in(b"a" * 300 + b"@example.com")),
    Hostile("a name with a NUL", 200, 200, sign_in(b"a%00@example.com")),
    Hostile("a name with half a character", 200, 200, sign_in(b"a%ed%a0%80@example.com")),
    Hostile("a form in UTF-7", 200, 200, sign_in(b"+AGE-", content_type=f"{FORM}; charset=utf-7")),
    Hostile("a form in no charset", 200, 200, sign_in(b"b", content_type=f"{FORM}; charset=hex")),
    Hostile("an address that is none", 200, 200, sign_in(b"c", "X-Forwarded-For: unknown")),
    Hostile("an address with a port", 200, 200, sign_in(b"d", "X-Forwarded-For: 9.9.9.9:99999")),
    Hostile("an address with a name of a network", 200, 200, sign_in(b"e", "X-Forwarded-For: fe80::1%eth0")),
    Hostile("a thousand addresses", 200, 200, sign_in(b"f", "X-Forwarded-For: " + "9.9.9.9," * 900)),
    Hostile("a form in parts without a boundary", 400, 400, sign_in(b"g", content_type="Content-Type: multipart/form-data")),
    Hostile("a form of 2,000 parts", 400, 400, request(SIGN_IN, "Content-Type: multipart/form-data; boundary=b", COOKIE, body=multipart(2000))),
    # The API
    Hostile("a form for the API", 415, 415, book(b"session=1", content_type=FORM)),
    Hostile("a form in parts for the API", 415, 415, book(multipart(1), content_type="Content-Type: multipart/form-data; boundary=b")),
    Hostile("no body", 422, 422, request(BOOKINGS, PROGRAM)),
    Hostile("JSON that ends early", 400, 400, book(b'{"session": ')),
    Hostile("JSON 100,000 levels deep", 400, 400, book(b"[" * 100_000)),
    Hostile("JSON in UTF-16", 400, 400, book("{}".encode("utf-16"), content_type=f"{JSON}; charset=utf-16")),
    Hostile("JSON that is not UTF-8", 400, 400, book(b'{"session": "\xff"}')),
    Hostile("JSON with half a character", 422, 422, book(b'{"session": "\\ud800"}')),
    Hostile("a list where an object is wanted", 422, 422, book(b"[]")),
    Hostile("a number that is none", 422, 422, book(b'{"session": NaN}')),
    Hostile("a number of 5,000 digits", 400, 400, book(b'{"session": ' + b"1" * 5000 + b"}")),
    Hostile("JSON of 3 MB", 413, 413, book(b'{"session": "' + b"a" * 3_000_000 + b'"}'), 502),
    Hostile("a session that does not exist", 404, 404, book(b'{"session": "00000000-0000-4000-8000-000000000000"}')),
    Hostile("a method that the API does not know", 405, 405, request("PUT /api/bookings", PROGRAM)),
)  # fmt: skip
