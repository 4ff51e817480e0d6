"""Pictures as they are sent over HTTP."""

import base64
import io

import numpy as np
from PIL import Image


def png_files(images: np.ndarray) -> list[bytes]:
    """The bytes of a PNG of each of the images, uint8 (N, H, W)."""
    files = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        files.append(file.getvalue())
    return files


def text(content: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(content).decode()


def form(pictures: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The content type and the body of a form of PNG files, each under its name."""
    head = '--b\r\nContent-Disposition: form-data; name="{}"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    parts = b"".join(head.format(name).encode() + content + b"\r\n" for name, content in pictures)
    return "multipart/form-data; boundary=b", parts + b"--b--\r\n"
