"""A server's workspaces, which leave nothing behind, and an archive to bring there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from brought import write_classes, zipped

from siamese.visitors.disk import Disk
from siamese.visitors.limits import MEGABYTE, TrainingLimits
from siamese.visitors.workspace import Workspaces

LIMITS = TrainingLimits(seconds=120, epochs=40, images=200, classes=12, megabytes=2, waiting=2, minutes=1, threads=1)


@pytest.fixture
def limits() -> TrainingLimits:
    """Small ones."""
    return LIMITS


@pytest.fixture
def workspaces(tmp_path) -> Iterator[Workspaces]:
    """Those of a server."""
    with Workspaces(LIMITS, Disk(tmp_path / "disk", 100 * MEGABYTE)) as opened:
        yield opened
    assert list(opened.disk.workspaces.iterdir()) == []


@pytest.fixture
def archive(tmp_path, digits) -> Path:
    """A ZIP file of 3 classes with 20 digits each."""
    return zipped(write_classes(tmp_path / "brought", digits), tmp_path / "brought.zip")
