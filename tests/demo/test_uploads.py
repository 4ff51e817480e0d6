"""Uploads: the oldest go first, those of open pages stay, empty folders do not, and what does not fit is told so."""

import asyncio
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from siamese.demo import uploads
from siamese.demo.uploads import RoomForUploads, Uploads
from siamese.visitors import disk as disk_module
from siamese.visitors.disk import Disk, size_on_disk
from siamese.visitors.open_pages import OpenPages

KILOBYTES = 4096  # of the least that a file, and a folder, takes
NOW = time.time()


def fill(folder: Path, sizes: list[int], ago: float = 1000) -> list[Path]:
    """Files in folders of their own, as uploads are kept, each a second younger than the one before."""
    paths = []
    for number, size in enumerate(sizes):
        paths.append(folder / f"{number:064x}" / "picture.png")
        paths[-1].parent.mkdir(parents=True)
        paths[-1].write_bytes(b"0" * size)
        os.utime(paths[-1], (NOW - ago + number,) * 2)
    return paths


def own_size(disk: Disk) -> int:
    """What it takes without uploads."""
    return size_on_disk(disk.temporary) + sum(place.stat().st_blocks * 512 for place in (disk.uploads, disk.workspaces))


@pytest.fixture
def pages() -> OpenPages:
    return OpenPages()


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    """Of 200 uploads as small as can be."""
    made = Disk(tmp_path / "disk", 200 * 2 * KILOBYTES)
    yield made
    made.close()


@pytest.fixture
def kept(disk, pages) -> Uploads:
    return Uploads(disk, pages)


@given(st.lists(st.integers(0, 50_000), max_size=12), st.integers(0, 300_000))
def test_the_newest_stay_and_no_more_than_fit(tmp_path_factory, sizes, most):
    disk = Disk(tmp_path_factory.mktemp("disk"), most)
    Uploads(disk, OpenPages())
    paths = fill(disk.uploads, sizes)
    blocks = [size_on_disk(path.parent) for path in paths]
    rest = own_size(disk)
    left = disk.trim()
    there = [path.exists() for path in paths]
    expected = 0
    while expected < len(paths) and sum(blocks[expected:]) + rest > most:
        expected += 1
    assert there == [False] * expected + [True] * (len(paths) - expected)
    assert left == sum(blocks[expected:]) + rest
    assert all(any(place.iterdir()) for place in disk.uploads.iterdir())


def test_what_an_open_page_uses_stays_until_it_is_closed(disk, pages, kept):
    paths = fill(disk.uploads, [1] * 4)
    pages.came("page", "192.0.2.1")
    kept.use("page", [str(paths[0])])
    kept.use("no page", [str(paths[1])])
    disk.trim(0)
    assert [path.exists() for path in paths] == [True, False, False, False]
    pages.left("page")
    disk.trim(0)
    assert not paths[0].exists()


def test_what_is_used_is_young_again(disk, pages, kept):
    paths = fill(disk.uploads, [1] * 3)
    pages.came("page", "192.0.2.1")
    kept.use("page", [str(paths[0])])
    pages.left("page")
    disk.trim(2 * 2 * KILOBYTES + own_size(disk))
    assert [path.exists() for path in paths] == [True, False, True]


def test_one_page_and_one_address_keep_no_more_than_their_share(disk, pages, kept):
    paths = [str(path) for path in fill(disk.uploads, [1] * 150)]
    for number in range(3):
        pages.came(f"page {number}", "192.0.2.1")
        kept.use(f"page {number}", paths[50 * number : 50 * number + 50])
    disk.trim(0)
    there = [Path(path).exists() for path in paths]
    assert sum(there[:50]) <= uploads.USED_EACH
    assert sum(size_on_disk(path) for path in paths if Path(path).exists()) <= uploads.SHARE_OF_ADDRESS * disk.most
    assert sum(there) > 40


def test_what_is_old_goes_unless_an_open_page_uses_it(disk, pages, kept):
    old, used = fill(disk.uploads, [1, 1], ago=2 * uploads.AGE_SECONDS)
    pages.came("page", "192.0.2.1")
    kept.use("page", [str(used)])
    os.utime(used, (NOW - 2 * uploads.AGE_SECONDS,) * 2)
    disk.trim()
    assert not old.parent.exists()
    assert used.stat().st_mtime > NOW - 60  # for Gradio, which goes by the age alone


def test_empty_folders_go(disk, kept):
    empty, fresh = disk.uploads / ("a" * 64), disk.uploads / ("b" * 64)
    empty.mkdir()
    fresh.mkdir()  # its file is on its way
    os.utime(empty, (NOW - 60,) * 2)
    disk.trim()
    assert not empty.exists()
    assert fresh.exists()


def test_a_file_that_is_uploaded_again_meanwhile_stays(disk, kept, monkeypatch):
    paths, delete = fill(disk.uploads, [10, 10, 10]), uploads.delete

    def delete_while_another_comes(path: Path) -> bool:
        os.utime(paths[1])
        return delete(path)

    monkeypatch.setattr(uploads, "delete", delete_while_another_comes)
    disk.trim(0)
    assert [path.exists() for path in paths] == [False, True, False]


def test_what_is_no_upload_stays(tmp_path, disk, kept):
    folder = disk.uploads
    (upload,) = fill(folder, [10])
    others = [tmp_path / "elsewhere", folder / "notes.txt", folder / "pictures" / "a.png", folder / ("A" * 64) / "b.png"]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(1000))
    (folder / ("0" * 64) / "link").symlink_to(tmp_path / "elsewhere")
    (folder / ("f" * 64)).symlink_to(tmp_path)
    assert disk.trim(0) == own_size(disk)
    assert not upload.exists()
    assert all(path.stat().st_size == 1000 for path in others)


def test_what_never_came_in_whole_counts_and_is_deleted_in_time(disk, kept):
    empty, parts = disk.trim(), []
    for seconds_ago in (2 * uploads.LATE_SECONDS, 1):
        with tempfile.NamedTemporaryFile(delete=False, dir=disk.uploads) as part:  # as Gradio does
            part.write(bytes(20))
        parts.append(Path(part.name))
        os.utime(part.name, (time.time() - seconds_ago,) * 2)
    assert disk.trim() == empty + KILOBYTES
    assert [part.exists() for part in parts] == [False, True]
    disk.trim(0)
    assert not parts[1].exists()


def test_in_the_folder_of_all_programs_their_temporary_files_stay(tmp_path, monkeypatch, pages):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    disk = Disk(tmp_path / "disk", 10, uploads=tmp_path)
    Uploads(disk, pages)
    (upload,) = fill(tmp_path, [10])
    with tempfile.NamedTemporaryFile(delete=False) as other:
        other.write(bytes(20))
    os.utime(other.name, (1_000_000, 1_000_000))
    disk.trim(0)
    assert not upload.exists()
    assert Path(other.name).exists()


def test_an_upload_is_deleted_with_its_folder_unless_that_holds_another(tmp_path):
    first, second = fill(tmp_path, [1, 1])
    other = first.with_name("the same by another name.png")
    other.write_bytes(b"0")
    assert uploads.delete(first)
    assert other.exists()
    assert uploads.delete(second)
    assert not second.parent.exists()
    assert not uploads.delete(second)
    assert not uploads.delete(None)


# ---- While they come in ----


@pytest.fixture
def client(disk) -> TestClient:
    """A server that writes what is uploaded as Gradio does, and has a full disk where it is told so."""

    async def upload(request: Request) -> PlainTextResponse:
        if "full" in request.query_params:
            raise OSError(errno.ENOSPC, "No space left on device")
        content = b"".join([part async for part in request.stream()])
        fill(disk.uploads, [len(content)])
        return PlainTextResponse("taken")

    app = Starlette(routes=[Route(path, upload, methods=["POST"]) for path in ("/gradio_api/upload", "/other")])
    app.add_middleware(RoomForUploads, disk=disk)
    return TestClient(app)


def test_an_upload_makes_room_for_itself(disk, kept, client, monkeypatch):
    monkeypatch.setattr(disk_module, "PAUSE", 0)
    for _ in range(3):
        assert client.post("/gradio_api/upload", content=bytes(disk.most // 2)).text == "taken"
        (path,) = disk.uploads.glob("*/*")
        path.parent.rename(disk.uploads / os.urandom(32).hex())
        assert disk.trim() <= disk.most


def test_an_upload_for_which_there_is_no_room_is_told_so_and_passes_once_there_is(disk, pages, kept, client, monkeypatch):
    monkeypatch.setattr(disk_module, "PAUSE", 0)
    for body in (bytes(disk.most + 1), iter([bytes(disk.most // 2)] * 3)):
        answer = client.post("/gradio_api/upload", content=body)
        assert answer.status_code == uploads.NO_ROOM
        assert answer.text.startswith("there is no room for this on the server now")
    disk.trim()
    assert client.post("/gradio_api/upload", content=b"small").text == "taken"


def test_what_is_no_upload_is_not_counted(disk, client, monkeypatch):
    monkeypatch.setattr(disk, "reserve", None)
    assert client.post("/other", content=b"small").text == "taken"


def test_small_files_count_with_the_blocks_that_they_take(disk, client):
    """However the body is cut into pieces."""
    for size in (7, 50, 10_000):
        body = b"".join(b'--x\r\nContent-Disposition: form-data; name="files"; fileName="a"\r\n\r\n1\r\n' for _ in range(5))
        before = disk._since
        client.post("/gradio_api/upload", content=iter([body[place : place + size] for place in range(0, len(body), size)]))
        assert disk._since - before == len(body) + 5 * 2 * KILOBYTES
        assert disk._under_way == 0
        shutil.rmtree(next(disk.uploads.iterdir()))


def test_a_full_disk_is_said_in_words(client):
    answer = client.post("/gradio_api/upload?full=yes", content=b"small")
    assert (answer.status_code, answer.text) == (uploads.NO_ROOM, "the server's disk is full: try again later")


def test_what_is_no_request_of_http_passes(disk):
    passed = []

    async def app(scope: dict, receive: object, send: object) -> None:
        passed.append(scope)

    asyncio.run(RoomForUploads(app, disk)({"type": "lifespan"}, None, None))
    assert passed == [{"type": "lifespan"}]


# ---- The setting ----


@pytest.mark.parametrize("value", ["0", "many", "1.5", "-3"])
def test_a_bound_that_is_none_is_named_with_what_is_allowed(value):
    with pytest.raises(ValueError, match=r"^SIAMESE_UPLOADS_MEGABYTES is '.*', allowed: a whole number from 1 to 1000000$"):
        uploads.bound({"SIAMESE_UPLOADS_MEGABYTES": value})


def test_the_bound_comes_from_the_environment():
    assert uploads.bound({}) == 1_000_000_000
    assert uploads.bound({"SIAMESE_UPLOADS_MEGABYTES": " 20 "}) == 20_000_000
