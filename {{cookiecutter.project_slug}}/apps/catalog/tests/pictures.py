"""Pictures to upload."""

from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image


def picture(*, name: str = "photo.png") -> SimpleUploadedFile:
    """Return a PNG as a browser sends it."""
    output = BytesIO()
    Image.new("RGB", (40, 30), "green").save(output, "PNG")
    return SimpleUploadedFile(name, output.getvalue())
