"""Uploads: pictures that are checked by their content, and files that nobody's browser runs."""

import uuid
from io import BytesIO
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.uploadhandler import FileUploadHandler
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views import static
from django.views.decorators.http import require_safe
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP")
SHOWN = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/avif",
)  # no SVG: it has scripts
SCAN = b"\xff\xda"  # that a scan of a JPEG begins with
MEGA = 1_000_000


class PictureField(forms.FileField):
    """A picture in a form: PNG, JPEG or WebP in, WebP out, under a name of ours.

    The content decides, not the name or what the browser says. The picture is drawn anew, so that
    nothing else of the file is left: no place or camera, no script, no second frame.
    """

    widget = forms.FileInput(attrs={"accept": "image/png, image/jpeg, image/webp"})
    max_bytes = 5 * MEGA  # of the file
    max_pixels = 25 * MEGA  # of the picture, which takes 4 bytes of memory for each
    max_scans = 50  # of a JPEG that is refined step by step; thousands would take minutes
    side = 1600  # pixels; a larger picture is made smaller

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", f"PNG, JPEG or WebP, up to {self.max_bytes // MEGA} MB")
        super().__init__(**options)

    def to_python(self, data: Any) -> ContentFile[bytes] | None:
        """Return the picture as a new file. Raises `ValidationError`."""
        file: File[bytes] | None = super().to_python(data)
        if file is None:
            return None
        if file.size > self.max_bytes:
            raise ValidationError(f"This file has more than {self.max_bytes // MEGA} MB.")
        content, output = file.read(), BytesIO()
        try:
            # This reads the size, and no pixel yet.
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > self.max_pixels:
                    raise ValidationError(f"It has more than {self.max_pixels // MEGA} megapixels.")
                # (In other formats these two bytes mean nothing, and occur by chance.)
                if image.format in ("JPEG", "MPO") and content.count(SCAN) > self.max_scans:
                    raise ValidationError(
                        "This JPEG cannot be read. Please save it again, as PNG for example."
                    )
                image.draft("RGB", (self.side, self.side))  # of a JPEG, decode what is needed
                mode = "RGBA" if image.has_transparency_data else "RGB"
                picture = image if image.mode == mode else image.convert(mode)
                picture.thumbnail((self.side, self.side))
                ImageOps.exif_transpose(picture).save(output, "WEBP", quality=82)
        except ValidationError:
            raise
        except Exception as error:  # Pillow has no common error for what it cannot read
            raise ValidationError("This file is not a PNG, JPEG or WebP picture.") from error
        return ContentFile(output.getvalue(), name=f"{uuid.uuid4().hex}.webp")


class UploadLimit(FileUploadHandler):
    """Refuse a request with files that is larger than UPLOAD_MAX_BYTES, before it is read."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  # Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        if content_length > settings.UPLOAD_MAX_BYTES:
            raise RequestDataTooBig(f"The request has more than {settings.UPLOAD_MAX_BYTES} bytes.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data  # to the next handler

    def file_complete(self, file_size: int) -> None:
        return None


@require_safe
def serve(request: HttpRequest, path: str) -> HttpResponseBase:
    """Send a file of MEDIA_ROOT; a browser shows pictures, and saves everything else.

    With a bucket there is no MEDIA_ROOT, and files have URLs of another host.
    """
    if not settings.MEDIA_ROOT:
        raise Http404
    response = static.serve(request, path, document_root=settings.MEDIA_ROOT)
    if response.get("Content-Type") not in SHOWN:
        response["Content-Disposition"] = "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
