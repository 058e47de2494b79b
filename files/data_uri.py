"""Pictures inside of JSON and pages, as data URIs."""

import base64


def jpeg_uri(content: bytes) -> str:
    """A JPEG's bytes as ``data:image/jpeg;base64,...``."""
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()
