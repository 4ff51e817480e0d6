"""Archives from strangers: good ones are unpacked, hostile ones refused with a sentence, and nothing is left behind."""

import io
import os
import stat
import time
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hostile_files import GOOD, HOSTILE, archive_of, as_zip64, noise, overlapping, png, special
from PIL import Image

from siamese.data.archives import ArchiveLimits, unpack

LIMITS = ArchiveLimits(archive_bytes=3_000_000, unpacked_bytes=2_000_000, file_bytes=500_000, files=100)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_and_leave_nothing(name: str, tmp_path: Path):
    make, sentence = HOSTILE[name]
    archive = tmp_path / "upload.zip"
    archive.write_bytes(make())
    started = time.process_time()
    with pytest.raises(ValueError, match=sentence) as refusal:
        unpack(archive, tmp_path / "unpacked", LIMITS)
    assert time.process_time() - started < 2
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300
    assert os.listdir(tmp_path) == ["upload.zip"]


def test_images_are_written_and_the_rest_is_named(tmp_path: Path):
    archive = tmp_path / "upload.zip"
    entries = [(f"my pictures/{label}/Bild \u00e4 {index}.png", png(index)) for label in "ab" for index in range(3)]
    entries += [("Contents/COM/auxiliary.png", png(9)), ("Contents/null/com10.con.png", png(10))]  # devices in part only
    extra = [
        ("my pictures/readme.txt", b"hello"),
        ("__MACOSX/my pictures/a/._0.png", b"\0"),
        ("my pictures/.DS_Store", b"\0"),
        (special("my pictures/c/", stat.S_IFDIR), b""),
    ]
    archive.write_bytes(archive_of(*entries, *extra))
    assert unpack(archive, tmp_path / "unpacked", LIMITS) == (8, ("my pictures/readme.txt",))
    found = {str(path.relative_to(tmp_path / "unpacked")) for path in (tmp_path / "unpacked").rglob("*") if path.is_file()}
    assert found == {name for name, _ in entries}
    for name, content in entries:
        assert (tmp_path / "unpacked" / name).read_bytes() == content


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("set/c0/Screenshot 2025-04-26 at 9.52.38\u202fAM.png", None),
        ("set/c0/Sn\u00edmek 2026-05-15 v\u00a013.05.05.png", None),
        ("set/c0/\u5199\u771f\u30001.png", None),
        ("set/\u0645\u06cc\u200c\u062e/1.png", None),
        ("set/\U0001f468\u200d\U0001f469\u200d\U0001f467/1.png", None),
        ("set\\c0\\1.png", "set/c0/1.png"),
        ("./set/c0/1.png", "set/c0/1.png"),
        ("././1.png", "1.png"),
        ("set/12:30:01.png", "set/12_30_01.png"),
    ],
)
def test_ordinary_names_are_taken(name: str, written: str | None, tmp_path: Path):
    entries = [("set/c0/0.png", png(0)), (zipfile.ZipInfo(name), png(1)), ("set/Icon\r", b"")]
    entries += [(zipfile.ZipInfo("./"), b""), (zipfile.ZipInfo("set\\c0\\"), b"")]
    (tmp_path / "upload.zip").write_bytes(archive_of(*entries))
    assert unpack(tmp_path / "upload.zip", tmp_path / "unpacked", LIMITS) == (2, ())
    assert (tmp_path / "unpacked" / (written or name)).read_bytes() == png(1)


def test_an_archive_in_the_format_zip64_is_taken(tmp_path: Path):
    (tmp_path / "upload.zip").write_bytes(as_zip64(archive_of(("set/c0/0.png", png(0)), ("set/c1/0.png", png(1)))))
    assert unpack(tmp_path / "upload.zip", tmp_path / "unpacked", LIMITS) == (2, ())
    assert (tmp_path / "unpacked/set/c1/0.png").read_bytes() == png(1)


def test_names_in_utf8_that_are_not_marked_so_are_read_as_meant(tmp_path: Path):
    content = archive_of(("a/xx.png", png(0)), ("b/0.png", png(1)))
    (tmp_path / "upload.zip").write_bytes(content.replace(b"a/xx.png", "a/\u00e9.png".encode()))
    unpack(tmp_path / "upload.zip", tmp_path / "unpacked", LIMITS)
    assert (tmp_path / "unpacked" / "a" / "\u00e9.png").is_file()


def test_scans_in_two_tones_are_no_bombs(tmp_path: Path):
    """Pages with a line on them, as scanners save them, which a ZIP file makes hundreds of times smaller."""
    limits, entries = ArchiveLimits(), []
    for number, kind in enumerate(("BMP", "TIFF", "PPM", "PNG")):
        page = Image.new("L", (2480, 3508), 255)
        page.paste(0, (200, 300 + number, 1800, 306))
        buffer = io.BytesIO()
        page.save(buffer, kind)
        entries.append((f"a/{number}.{ {'PPM': 'pgm', 'TIFF': 'tif'}.get(kind, kind.lower()) }", buffer.getvalue()))
    (tmp_path / "upload.zip").write_bytes(archive_of(*entries))
    assert sum(len(content) for _, content in entries) > 200 * (tmp_path / "upload.zip").stat().st_size
    assert unpack(tmp_path / "upload.zip", tmp_path / "unpacked", limits) == (4, ())
    for name, content in entries:
        assert (tmp_path / "unpacked" / name).read_bytes() == content


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path):
    archive = tmp_path / "upload.zip"
    archive.write_bytes(archive_of(*GOOD))
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "mine").write_text("kept")
    with pytest.raises(ValueError, match="is there already"):
        unpack(archive, tmp_path / "unpacked", LIMITS)
    assert (tmp_path / "unpacked" / "mine").read_text() == "kept"


def test_what_is_taken_is_for_the_caller_to_say(tmp_path: Path):
    """As of the ZIP file of a model: the rest is not looked at, and what is taken still has to be as announced."""

    def notes(entries, limits):
        return [(info, PurePosixPath("notes")) for info in entries if info.filename == "a/notes.txt"], ("the rest",)

    archive = tmp_path / "upload.zip"
    content = archive_of(("../../etc/0.png", b"1"), ("a/notes.txt", noise(90)), (special("b", stat.S_IFLNK), b"/etc/passwd"))
    archive.write_bytes(content)
    assert unpack(archive, tmp_path / "unpacked", LIMITS, notes) == (1, ("the rest",))
    assert [path.name for path in (tmp_path / "unpacked").iterdir()] == ["notes"]
    assert (tmp_path / "unpacked" / "notes").read_bytes() == noise(90)
    archive.write_bytes(content.replace(noise(90)[:9], b"different"))
    with pytest.raises(ValueError, match="damaged"):
        unpack(archive, tmp_path / "again", LIMITS, notes)
    archive.write_bytes(overlapping())
    with pytest.raises(ValueError, match="its files overlap"):
        unpack(archive, tmp_path / "again", LIMITS, lambda entries, limits: ([], ()))
    assert sorted(os.listdir(tmp_path)) == ["unpacked", "upload.zip"]
