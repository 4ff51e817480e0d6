"""What the tests of the service share: a client of it, and digits as files."""

import pytest
from fastapi.testclient import TestClient
from http_pictures import png_files

from siamese.service.app import create_app


@pytest.fixture(scope="module")
def client(bundled) -> TestClient:
    return TestClient(create_app(bundled, {}))


@pytest.fixture(scope="module")
def pngs(digits) -> list[bytes]:
    """Twenty digits as files."""
    return png_files(digits[0][:20])
