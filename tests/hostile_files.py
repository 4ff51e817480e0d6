"""Archives and images that nobody should open without care."""

import io
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from siamese.data.datasets.mnist import load_sample_digits

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def claimed_png(width: int, height: int, pixels: bytes = b"", colour: int = 0, extra: bytes = b"") -> bytes:
    """A PNG of 8 bits that claims to be of this size, whatever its pixels are."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return PNG_SIGNATURE + header + extra + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")


def png(index: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(load_sample_digits()[0][index]).save(buffer, "png")
    return buffer.getvalue()


def archive_of(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two files of one name
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return info


def raw_name(name: bytes) -> bytes:
    """An archive in which one name, written as it is given, is what zipfile itself would not write."""
    stand_in = b"n" * (len(name) - 4) + b".png"
    return archive_of((stand_in.decode(), png(0)), ("a/0.png", png(1))).replace(stand_in, name)


def patched(archive: bytes, at: int, value: bytes) -> bytes:
    """With other bytes at an offset from the signature of the first entry in the list of contents."""
    start = archive.index(b"PK\1\2") + at
    return archive[:start] + value + archive[start + len(value) :]


def end_patched(archive: bytes, at: int, value: bytes) -> bytes:
    start = archive.rindex(b"PK\5\6") + at
    return archive[:start] + value + archive[start + len(value) :]


def overlapping() -> bytes:
    """Entries that all share the bytes of one file, as in the bomb of Fifield 2019."""
    buffer = io.BytesIO(archive_of(("a/0.png", noise(400_000))))
    with zipfile.ZipFile(buffer) as archive:
        info = archive.infolist()[0]
    content = buffer.getvalue()
    start = content.index(b"PK\1\2")
    entry = content[start : content.index(b"PK\5\6")]
    entries = b"".join(entry.replace(b"a/0.png", f"a/{number}.png".encode()) for number in range(5))
    assert info.header_offset == 0
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 5, 5, len(entries), start, 0)
    return content[:start] + entries + end


def million_names(written: int = 50_000) -> bytes:
    """A list of contents of a million empty files, which would take seconds and gigabytes to read in."""
    name = b"a/0.png"
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name
    return entry * written + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 5, 5, len(entry) * written, 0, 0)


def as_zip64(archive: bytes, count: int | None = None, place: int | None = None) -> bytes:
    """The same archive in the format Zip64, as programs write it that do not know beforehand how large it will be."""
    at = archive.rindex(b"PK\5\6")
    *_, files, length, start, _ = struct.unpack("<4s4H2LH", archive[at : at + 22])
    count = files if count is None else count
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, start)
    record += struct.pack("<4sLQL", b"PK\6\7", 0, at if place is None else place, 1)
    return archive[:at] + record + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a/0.png")
        info.size = len(png(0))
        archive.addfile(info, io.BytesIO(png(0)))
    return buffer.getvalue()


def noise(count: int) -> bytes:
    return np.random.default_rng(0).bytes(count)


GOOD = (("a/0.png", b"0"), ("a/1.png", b"1"))
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not a ZIP archive"),
    "text": (lambda: b"hello, I am a ZIP file", "not a ZIP archive"),
    "tar": (tar, "not a ZIP archive"),
    "gzip": (lambda: zlib.compress(png(0)), "not a ZIP archive"),
    "cut short": (lambda: archive_of(*GOOD)[:-30], "not a ZIP archive|damaged"),
    "cut in front": (lambda: archive_of(*GOOD)[40:], "damaged"),
    "end alone": (lambda: struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 500, 0, 0), "damaged"),
    "no file": (lambda: archive_of(), "holds no image"),
    "no image": (lambda: archive_of(("a/readme.txt", b"hi"), ("run.exe", b"MZ")), "holds no image"),
    "bomb": (lambda: archive_of(("a/0.png", b"\0" * 490_000)), "unpacks to more than 100 times"),
    "bomb that says it is a scan": (lambda: archive_of(("a/0.bmp", b"\0" * 490_000)), "unpacks to more than 100 times"),
    "many bombs": (lambda: archive_of(*((f"a/{n}.png", b"\0" * 90_000) for n in range(40))), "unpacks to 3,600,000 bytes"),
    "large file": (lambda: archive_of(("a/0.png", noise(600_000))), "has 600,000 bytes, allowed: at most 500,000"),
    "large archive": (lambda: archive_of(("a/0.png", noise(3_100_000))), "allowed: at most 3,000,000"),
    "hidden size": (lambda: patched(archive_of(("a/0.png", noise(9000))), 24, struct.pack("<L", 10)), "damaged"),
    "more than said": (lambda: patched(archive_of(("a/0.png", b"\0" * 9000)), 24, struct.pack("<L", 9)), "damaged"),
    "less than said": (lambda: patched(archive_of(("a/0.png", noise(90))), 24, struct.pack("<L", 9000)), "damaged"),
    "wrong sum": (lambda: patched(archive_of(("a/0.png", noise(90))), 16, b"\1\2\3\4"), "damaged"),
    "overlap": (overlapping, "its files overlap"),
    "many files": (lambda: archive_of(*((f"a/{n}.png", b"1") for n in range(150))), "150 files, allowed: at most 100"),
    "a million names": (million_names, "too many files"),
    "a count of its own": (lambda: end_patched(archive_of(*GOOD), 10, b"\xff\xff"), "too many files"),
    "a long list": (lambda: end_patched(archive_of(*GOOD), 12, b"\xff\xff\xff\xff"), "too many files"),
    "a million files of Zip64": (lambda: as_zip64(archive_of(*GOOD), count=1_000_000), "too many files"),
    "Zip64 in another place": (lambda: as_zip64(archive_of(*GOOD), place=0), "not where it says"),
    "up": (lambda: archive_of(("../../etc/0.png", b"1")), "a path that is not allowed"),
    "up within": (lambda: archive_of(("a/../../0.png", b"1")), "a path that is not allowed"),
    "absolute": (lambda: archive_of(("/etc/0.png", b"1")), "a path that is not allowed"),
    "device of Windows": (lambda: archive_of(("a/NUL.png", b"1")), "a path that is not allowed"),
    "port of Windows": (lambda: archive_of(("COM\u00b9 /0.png", b"1")), "a path that is not allowed"),
    "drive and backslash": (lambda: raw_name(rb"C:\\a\\0.png"), "a path that is not allowed"),
    "drive": (lambda: archive_of(("C:/0.png", b"1")), "a path that is not allowed"),
    "backslash": (lambda: raw_name(rb"..\..\0.png"), "a path that is not allowed"),
    "zero byte": (lambda: raw_name(b"a/0.png\0.png"), "a path that is not allowed|damaged"),
    "line break": (lambda: raw_name(b"a/0\r\n1.png"), "a path that is not allowed"),
    "empty part": (lambda: archive_of(("a//0.png", b"1")), "a path that is not allowed"),
    "deep": (lambda: archive_of(("a/" * 50 + "0.png", b"1")), "a path that is not allowed"),
    "long name": (lambda: archive_of(("a/" + "n" * 250 + ".png", b"1")), "a name of more than 200 bytes"),
    "link": (lambda: archive_of((special("a/0.png", stat.S_IFLNK), b"/etc/passwd")), "a link"),
    "device": (lambda: archive_of((special("a/0.png", stat.S_IFCHR), b"")), "something that is no file"),
    "nested": (lambda: archive_of(("a/0.png", b"1"), ("a/b.ZIP", archive_of(*GOOD))), "another archive"),
    "nested tar": (lambda: archive_of(("a/0.png", b"1"), ("b.tar.gz", tar())), "another archive"),
    "twice": (lambda: archive_of(("a/0.png", b"1"), ("a/0.png", b"2")), "twice"),
    "case": (lambda: archive_of(("a/x.png", b"1"), ("A/X.png", b"2")), "twice"),
    "composed": (lambda: archive_of(("a/\u00e9.png", b"1"), ("a/e\u0301.png", b"2")), "twice"),
    "file and folder": (lambda: archive_of(("a.png", b"1"), ("a.png/0.png", b"2")), "as a file and as a folder"),
    "password": (lambda: patched(archive_of(*GOOD), 8, b"\1\0"), "encrypted"),
    "bzip2": (lambda: archive_of(*GOOD, method=zipfile.ZIP_BZIP2), "compressed in a way"),
    "lzma": (lambda: archive_of(*GOOD, method=zipfile.ZIP_LZMA), "compressed in a way"),
    "unknown method": (lambda: patched(archive_of(*GOOD), 10, b"\x63\0"), "compressed in a way"),
}  # fmt: skip
