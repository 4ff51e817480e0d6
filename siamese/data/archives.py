"""ZIP archives from people we do not know: what is wanted of them is unpacked within limits, or refused with a sentence."""

import contextlib
import os
import re
import shutil
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from siamese.config import shorten
from siamese.data.class_lists import LISTS
from siamese.images.formats import BEGINNING, LONGEST_BEGINNING, SUFFIXES

ARCHIVE_SUFFIXES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".jar", ".cab", ".iso")
LONGEST_NAME = 200  # bytes of a file's or a folder's name
MOST_LEVELS = 10  # of folders
MOST_BYTES_PER_NAME = 1 << 10  # of the list of contents: its 46 bytes for each file, the path, and extra fields
MOST_RATIO = 100  # uncompressed to compressed bytes; images are compressed already, drawings at most some 50 times
LEAST_COMPRESSED = 2000  # bytes that even the emptiest picture may be taken to have
# Kinds that are not compressed themselves: of a page in two tones they shrink up to the 1,032 times that deflate can. They
# are taken if they begin as such a picture, and the limits on bytes bound them.
PLAIN_SUFFIXES = (".bmp", ".dib", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm")
END_OF_ARCHIVE = struct.Struct("<4s4H2LH")  # signature, 4 counts, size and place of the list of contents, length of comment
ZIP64_END = struct.Struct("<4sQ2H2L4Q")  # signature, 5 others, twice the count, size and place of the list of contents
ZIP64_PLACE = struct.Struct("<4sLQL")  # signature, a count, place of that record, another count
ENCRYPTED, UTF8 = 0x1, 0x800  # flags
FOLDER_ICON = "Icon\r"  # of macOS
DRIVE = re.compile("[A-Za-z]:")
NOT_IN_NAMES = re.compile('[<>:"|?*]' if os.name == "nt" else ":")  # a colon opens a hidden stream on Windows
# Names that Windows takes for devices, in any folder and whatever suffix follows: to write there is to write to a port.
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)", re.IGNORECASE)


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may hold."""

    archive_bytes: int = 100_000_000
    unpacked_bytes: int = 400_000_000
    file_bytes: int = 20_000_000
    files: int = 10_000


Chosen = list[tuple[zipfile.ZipInfo, PurePosixPath]]  # what to take, and where to write it below a folder
Choose = Callable[[list[zipfile.ZipInfo], ArchiveLimits], tuple[Chosen, tuple[str, ...]]]  # and the names of the rest


def choose_images(entries: list[zipfile.ZipInfo], limits: ArchiveLimits) -> tuple[Chosen, tuple[str, ...]]:
    """All images, in their folders. Hidden files, and what macOS adds, are passed over in silence.

    Whether a file is an image is told by its name here, and by its content when the folder is read. Raises ValueError where
    anything goes beyond a limit or has no business there: paths that lead elsewhere, links, archives, two of one name.
    """
    images, others, seen, parents = [], [], set(), set()
    for info in entries:
        if _name(info).rpartition("/")[2] == FOLDER_ICON:
            continue
        path = _safe_path(info)
        if _is_folder(info) or "__MACOSX" in path.parts or any(part.startswith(".") for part in path.parts):
            continue
        # Names that some file system takes for the same.
        key = unicodedata.normalize("NFC", str(path)).casefold()
        if key in seen:
            raise ValueError(f"the archive holds {shorten(str(path))} twice, or two names that differ in case alone")
        seen.add(key)
        parents.update(unicodedata.normalize("NFC", str(parent)).casefold() for parent in path.parents)
        _check_file(info, path, limits)
        if path.suffix.lower() in SUFFIXES or path.name in LISTS:  # which say what classes the images are of
            images.append((info, path))
        else:
            others.append(str(path))
    if twice := seen & parents:
        raise ValueError(f"the archive holds {shorten(sorted(twice)[0])} as a file and as a folder")
    if len(seen) > limits.files:
        raise ValueError(f"the archive holds {len(seen):,} files, allowed: at most {limits.files:,}")
    if all(path.name in LISTS for _, path in images):
        raise ValueError(f"the archive holds no image; looked for {', '.join(SUFFIXES)}")
    total = sum(info.file_size for info, _ in images)
    if total > limits.unpacked_bytes:
        raise ValueError(f"the archive unpacks to {total:,} bytes, allowed: at most {limits.unpacked_bytes:,}")
    return images, tuple(others)


def unpack(
    archive: str | Path, folder: str | Path, limits: ArchiveLimits = ArchiveLimits(), choose: Choose = choose_images
) -> tuple[int, tuple[str, ...]]:
    """Write what `choose` takes of a ZIP file into `folder`, which must not exist: the number of files, the rest by name.

    Raises ValueError where the archive is damaged, encrypted, beyond a limit, or refused by `choose`; then `folder` does
    not exist. What can be told from the list of contents is told before anything is written, and no more is written than
    that list announces.
    """
    archive, folder = Path(archive), Path(folder)
    size = archive.stat().st_size
    if size > limits.archive_bytes:
        raise ValueError(f"the archive has {size:,} bytes, allowed: at most {limits.archive_bytes:,}")
    _check_list_of_contents(archive, limits)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        raise ValueError(f"{str(folder)!r} is there already")
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            chosen, others = choose(entries, limits)
            if sum(info.compress_size for info in entries) > size or any(info.header_offset < 0 for info in entries):
                raise ValueError("the archive is damaged: its files overlap, or are not where it says")
            for info, path in chosen:
                _write(opened, info, temporary / path)
        temporary.rename(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"the archive is damaged: {shorten(str(error))}") from error
    except UnicodeError as error:
        raise ValueError("the archive is damaged: a name in it is no text") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return len(chosen), others


def pack(folder: Path, archive: Path, without: str) -> Path:
    """Write the files directly in a folder, but the one named `without`, into a new ZIP file; where that is."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as opened:
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.name != without:
                opened.write(file, file.name)
    return archive


def _check_list_of_contents(archive: Path, limits: ArchiveLimits) -> None:
    """Refuse a list of contents that is longer than any we accept, before zipfile reads all of it into memory."""
    with archive.open("rb") as file:
        before = file.seek(max(0, archive.stat().st_size - END_OF_ARCHIVE.size - 0xFFFF))
        tail = file.read()
    # Like zipfile itself: at the very end, else before a comment.
    start = len(tail) - END_OF_ARCHIVE.size
    if start < 0 or tail[start : start + 4] != b"PK\5\6" or tail[-2:] != b"\0\0":
        start = tail.rfind(b"PK\5\6")
    if start < 0 or start + END_OF_ARCHIVE.size > len(tail):
        raise ValueError("the file is not a ZIP archive")
    _, _, _, _, count, length, _, _ = END_OF_ARCHIVE.unpack_from(tail, start)
    place = tail[max(0, start - ZIP64_PLACE.size) : start]
    if place.startswith(b"PK\6\7"):  # Zip64: zipfile takes the numbers of another record, by its place or just before this
        at = start - ZIP64_PLACE.size - ZIP64_END.size
        said = ZIP64_PLACE.unpack(place)[2] if len(place) == ZIP64_PLACE.size else -1
        if at < 0 or tail[at : at + 4] != b"PK\6\6" or said != before + at:
            raise ValueError("the archive is damaged: its list of contents, in the format Zip64, is not where it says")
        *_, count, length, _ = ZIP64_END.unpack_from(tail, at)
    if count > 2 * limits.files or length > 2 * limits.files * MOST_BYTES_PER_NAME:
        raise ValueError(f"the archive holds too many files, allowed: at most {limits.files:,}")


def _check_file(info: zipfile.ZipInfo, path: PurePosixPath, limits: ArchiveLimits) -> None:
    if path.name.lower().endswith(ARCHIVE_SUFFIXES):
        raise ValueError(f"the archive holds another archive, {shorten(str(path))}: unpack that first")
    if info.file_size > limits.file_bytes:
        raise ValueError(
            f"{shorten(str(path))} in the archive has {info.file_size:,} bytes, allowed: at most {limits.file_bytes:,}"
        )
    if _grows_too_much(info) and path.suffix.lower() not in PLAIN_SUFFIXES:
        raise ValueError(f"{shorten(str(path))} in the archive unpacks to more than {MOST_RATIO} times its size")


def _grows_too_much(info: zipfile.ZipInfo) -> bool:
    return info.file_size > MOST_RATIO * max(info.compress_size, LEAST_COMPRESSED)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.orig_filename.endswith(("/", "\\"))


def _safe_path(info: zipfile.ZipInfo) -> PurePosixPath:
    """Where an entry belongs below the folder. Raises ValueError where it is a link, encrypted, or leads elsewhere."""
    name = _name(info)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "something that is no file"
        raise ValueError(f"the archive holds {what}, {shorten(name)}, allowed: files and folders")
    if info.flag_bits & ENCRYPTED:
        raise ValueError(f"{shorten(name)} in the archive is encrypted, allowed: archives without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{shorten(name)} in the archive is compressed in a way other than the usual, deflate")
    parts = name.split("/")
    while parts[:1] == ["."]:  # as bsdtar begins each name, which is tar.exe of Windows
        parts = parts[1:]
    leads_elsewhere = any(part in ("", ".", "..") for part in parts) or any(DRIVE.match(part) for part in parts[:1])
    leads_elsewhere |= any(DEVICE.match(part) for part in parts)
    if leads_elsewhere or any(map(_is_control, name)) or len(parts) > MOST_LEVELS:
        raise ValueError(f"the archive holds a path that is not allowed, {shorten(name)}")
    if any(len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in parts):
        raise ValueError(f"the archive holds a name of more than {LONGEST_NAME} bytes, {shorten(name)}")
    return PurePosixPath(*(NOT_IN_NAMES.sub("_", part) for part in parts))


def _name(info: zipfile.ZipInfo) -> str:
    """The name as whoever made the archive meant it, with "/" between folders."""
    name = info.orig_filename
    if not info.flag_bits & UTF8:  # zipfile takes it for the code page of MS-DOS; macOS and others write UTF-8 all the same
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/").rstrip("/")  # which PowerShell 5 and .NET 4 write


def _is_control(character: str) -> bool:
    """Characters that end lines or steer a terminal, and halves of such; not spaces and joiners of any script."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(info) as source, path.open("wb") as target:
        beginning = source.read(LONGEST_BEGINNING)
        if _grows_too_much(info) and path.suffix.lower() in PLAIN_SUFFIXES and not BEGINNING.match(beginning):
            raise ValueError(f"{shorten(path.name)} in the archive unpacks to more than {MOST_RATIO} times its size")
        target.write(beginning)
        shutil.copyfileobj(source, target)  # zipfile stops at the size announced, and checks the sum there
        if target.tell() != info.file_size:
            raise ValueError(f"the archive is damaged: {shorten(info.filename)} has another size than it says")
