"""Which files are pictures, by their names and by how they begin; what they hold is for siamese.images.load to find out."""

import re

# Files that are opened. HEIC is among them, though it takes a library that may not be there: opening says so.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".apng", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
    ".pgm", ".ppm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k", ".jpx", ".heic", ".heif", ".hif",
)  # fmt: skip
# Pictures by their names that are not opened.
OTHER_SUFFIXES = (
    ".3fr", ".ai", ".arw", ".cr2", ".cr3", ".cur", ".dcm", ".dcr", ".dds", ".djvu", ".dng", ".emf", ".eps", ".erf", ".exr",
    ".fits", ".hdr", ".icns", ".ico", ".jxl", ".jxr", ".kdc", ".mrw", ".nef", ".nii", ".nrw", ".orf", ".pcx", ".pef",
    ".pfm", ".psb", ".psd", ".qoi", ".raf", ".raw", ".rw2", ".rwl", ".sgi", ".sr2", ".srw", ".svg", ".svgz", ".tga", ".wdp",
    ".wmf", ".x3f", ".xbm", ".xcf", ".xpm",
)  # fmt: skip
NOT_OPENED = "a picture of a kind that is not read: save it as PNG or JPEG"
HEIC = re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)
HEIC_ADVICE = "HEIC, which takes the library pillow-heif (pip install pillow-heif): install it, or save the picture as JPEG"
LONGEST_BEGINNING = 16  # bytes
# How files begin whose kind cannot be mistaken, whatever their names are.
_CERTAIN = (
    rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP|GIF8[79]a|II\*\0|MM\0\*|....ftyp(avi[fs]|hei[cxms]|hev[cxms]|mif1|msf1)"
    rb"|\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51"
)
CERTAIN = re.compile(_CERTAIN, re.DOTALL)
# And how those of the kinds in SUFFIXES do; text may begin so too.
BEGINNING = re.compile(_CERTAIN + rb"|BM|II\+\0|MM\0\+|P[1-7]\s|GIF8", re.DOTALL)
