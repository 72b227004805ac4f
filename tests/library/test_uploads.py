"""Pictures as attackers and cameras send them, and what is sent back of a folder of uploads."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig, SuspiciousFileOperation, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404
from django.test import RequestFactory
from PIL import Image
from pytest_django import Settings

from trellis.web import uploads
from trellis.web.uploads import PictureField

SCRIPT = b"<script>alert(document.cookie)</script>"
PLACE = {1: "N", 2: (52.0, 31.0, 12.0)}  # GPS


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    output = BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def green(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height), "green")


def clean(content: bytes, name: str = "photo.png") -> Any:
    """Return what the field makes of a file, as a picture. Raises `ValidationError`."""
    file = PictureField().clean(SimpleUploadedFile(name, content))
    return Image.open(BytesIO(file.read()))


def png_of(width: int, height: int, pixels: bytes = b"") -> bytes:
    """Return a PNG that says how large it is, whatever pixels it has."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(pixels, 9))
        + chunk(b"IEND", b"")
    )


def text_bomb() -> bytes:
    """Return a PNG of one pixel with a compressed text of 200 MB."""
    whole = encoded(green(1, 1))
    data = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    text = struct.pack(">I", len(data)) + b"zTXt" + data
    return whole[:33] + text + struct.pack(">I", zlib.crc32(b"zTXt" + data)) + whole[33:]


def refined_again_and_again() -> bytes:
    """Return a JPEG whose last scan is repeated, which makes each pixel work."""
    whole = encoded(green(), "JPEG", progressive=True)
    last = whole[whole.rfind(b"\xff\xc4") : -2]
    return whole[:-2] + last * 100 + whole[-2:]


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a drawing with a script": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>"
    ),
    "a page": lambda: b"<!doctype html>" + SCRIPT,
    "a GIF that is a script": lambda: b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)",
    "a whole GIF": lambda: encoded(green(), "GIF"),
    "a TIFF": lambda: encoded(green(), "TIFF"),
    "a picture that ends early": lambda: encoded(Image.effect_noise((300, 300), 90))[:2000],
    "the beginning of a JPEG": lambda: encoded(green(), "JPEG")[:200],
    "more pixels than memory": lambda: png_of(60_000, 60_000),
    "a small file of many pixels": lambda: png_of(6000, 6000, bytes(6000 * 18_001)),
    "a small file with a long text": text_bomb,
    "a JPEG that takes minutes": refined_again_and_again,
    "nothing but a signature": lambda: b"\x89PNG\r\n\x1a\n",
    "more bytes than are taken": lambda: bytes(PictureField.max_bytes + 1),
    "an empty file": lambda: b"",
}


class TestPictureField:
    @pytest.mark.parametrize("what", HOSTILE)
    def test_refuses(self, what: str) -> None:
        with pytest.raises(ValidationError) as refused:
            clean(HOSTILE[what]())

        assert len(refused.value.messages) == 1

    def test_says_how_large_a_picture_may_be(self) -> None:
        with pytest.raises(ValidationError, match="more than 25 megapixels"):
            clean(png_of(6000, 6000))
        with pytest.raises(ValidationError, match="more than 5 MB"):
            clean(HOSTILE["more bytes than are taken"]())

    def test_reads_no_byte_of_a_file_that_is_too_large(self) -> None:
        class Unread(SimpleUploadedFile):
            def read(self, *_: Any) -> bytes:
                raise AssertionError("it was read")

        with pytest.raises(ValidationError, match="MB"):
            PictureField().clean(Unread("x.png", bytes(PictureField.max_bytes + 1)))

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "MPO"])
    @pytest.mark.parametrize("name", ["photo.png", "photo.html", "../../photo.svg"])
    def test_makes_a_webp_under_a_name_of_ours(self, kind: str, name: str) -> None:
        file = PictureField().clean(SimpleUploadedFile(name, encoded(green(), kind)))

        stem, _, suffix = file.name.partition(".")
        assert (len(stem), suffix) == (32, "webp")
        assert Image.open(file).format == "WEBP"

    def test_takes_a_jpeg_that_is_refined_as_usual(self) -> None:
        assert clean(encoded(green(), "JPEG", progressive=True)).size == (60, 40)

    def test_leaves_nothing_of_the_file_but_its_pixels(self) -> None:
        camera = Image.Exif()
        camera[0x010F] = "Camera of somebody"
        camera.get_ifd(0x8825).update(PLACE)
        options = {"exif": camera.tobytes(), "icc_profile": SCRIPT, "comment": SCRIPT}

        for kind in ("JPEG", "PNG", "WEBP"):
            found = clean(encoded(green(), kind, **options) + SCRIPT)

            assert not found.getexif()
            assert not {"exif", "xmp", "icc_profile", "comment"} & found.info.keys()
            found.fp.seek(0)
            content = found.fp.read()
            assert b"script" not in content
            assert b"Camera" not in content

    def test_stands_as_the_camera_was_held(self) -> None:
        turned = Image.Exif()
        turned[0x0112] = 6  # turn it right

        assert clean(encoded(green(60, 40), "JPEG", exif=turned.tobytes())).size == (40, 60)

    def test_keeps_one_frame_of_an_animation(self) -> None:
        frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]

        for kind in ("PNG", "WEBP"):
            content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
            assert getattr(Image.open(BytesIO(content)), "n_frames", 1) == 2
            found = clean(content)
            assert getattr(found, "n_frames", 1) == 1
            assert found.convert("RGB").getpixel((5, 5))[0] > 200

    def test_makes_a_large_picture_smaller(self) -> None:
        assert clean(encoded(green(3200, 800), "JPEG")).size == (1600, 400)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
    def test_takes_every_kind_of_colours(self, mode: str) -> None:
        kind = "JPEG" if mode == "CMYK" else "PNG"

        found = clean(encoded(Image.new(mode, (20, 20)), kind))

        assert found.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")

    def test_may_be_left_out(self) -> None:
        assert PictureField(required=False).clean(None) is None
        with pytest.raises(ValidationError):
            PictureField().clean(None)


class TestUploadLimit:
    def test_refuses_a_request_before_it_is_read(
        self, settings: Settings, rf: RequestFactory
    ) -> None:
        settings.FILE_UPLOAD_HANDLERS = ["trellis.web.uploads.UploadLimit"]
        settings.UPLOAD_MAX_BYTES = 1000
        request = rf.post("/", {"file": SimpleUploadedFile("x", bytes(1000))})

        with pytest.raises(RequestDataTooBig):
            _ = request.FILES

    def test_lets_everything_else_through(self, settings: Settings, rf: RequestFactory) -> None:
        settings.FILE_UPLOAD_HANDLERS = [
            "trellis.web.uploads.UploadLimit",
            "django.core.files.uploadhandler.MemoryFileUploadHandler",
        ]
        request = rf.post("/", {"file": SimpleUploadedFile("x", b"content")})

        assert request.FILES["file"].read() == b"content"  # type: ignore[union-attr]


class TestServe:
    @pytest.fixture
    def serve(self, settings: Settings, rf: RequestFactory, tmp_path: Path) -> Callable[..., Any]:
        settings.MEDIA_ROOT = str(tmp_path / "media")
        (tmp_path / "secret").write_text("secret")

        def serve(name: str, content: bytes = b"", path: str = "") -> Any:
            file = tmp_path / "media" / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
            return uploads.serve(rf.get("/"), path or name)

        return serve

    @pytest.mark.parametrize("name", ["a.svg", "a.html", "a.xhtml", "a.js", "a.pdf", "a", "a.xml"])
    def test_lets_a_browser_save_what_it_might_run(
        self, name: str, serve: Callable[..., Any]
    ) -> None:
        response = serve(name, SCRIPT)

        assert response["Content-Disposition"] == "attachment"
        assert "sandbox" in response["Content-Security-Policy"]
        assert response["X-Content-Type-Options"] == "nosniff"

    def test_lets_a_browser_show_pictures_and_guess_nothing(
        self, serve: Callable[..., Any]
    ) -> None:
        response = serve("a.webp", encoded(green(), "WEBP"))

        assert response["Content-Type"] == "image/webp"
        assert response["Content-Disposition"].startswith("inline")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response["Content-Security-Policy"]

    @pytest.mark.parametrize("path", ["../secret", "none.png", "", "/etc/hostname"])
    def test_sends_nothing_else(self, path: str, serve: Callable[..., Any]) -> None:
        with pytest.raises((Http404, SuspiciousFileOperation)):
            serve("a.png", b"", path=path or "./")

    def test_sends_nothing_where_there_is_no_folder(
        self, settings: Settings, rf: RequestFactory
    ) -> None:
        settings.MEDIA_ROOT = ""

        with pytest.raises(Http404):
            uploads.serve(rf.get("/"), "pyproject.toml")
