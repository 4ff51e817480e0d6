"""Write what the network sees of images, as PNG: what an exported model takes, in any language."""

import argparse
from pathlib import Path

from siamese.commands import add_model_flags, load, parser_of, run


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese canonical`; each states its default."""
    parser = parser_of("canonical", __doc__)
    add = parser.add_argument
    add("images", metavar="IMAGE", nargs="+", help="image files")
    add(
        "-o",
        "--output",
        metavar="FOLDER",
        default="canonical",
        help="folder to write to, made if need be (default: canonical)",
    )
    add_model_flags(parser, json=False)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(canonical, build_parser().parse_args(argv))


def canonical(arguments: argparse.Namespace) -> None:
    """`canonical IMAGE...`: a PNG file for each, with its name; none where one of the images cannot be used."""
    from PIL import Image

    from siamese.model_folder.files import write_file

    files = {}  # what is written, with the image that it is of
    for image in map(Path, arguments.images):
        file = Path(arguments.output) / f"{image.stem}.png"
        if file in files or (file.exists() and image.exists() and file.samefile(image)):
            what = f"as {files[file]}" if file in files else "as the image itself"
            raise ValueError(f"{image} would be written to {file} {what}: name another --output, or fewer images")
        files[file] = image
    verifier = load(arguments)
    seen = [verifier.draw(verifier.canonical(image)) for image in files.values()]
    for file, pixels in zip(files, seen, strict=True):
        write_file(file, lambda temporary, pixels=pixels: Image.fromarray(pixels).save(temporary, "PNG"))
    height, width = seen[0].shape[:2]
    print(f"wrote {len(files):,} image{'s' * (len(files) > 1)} of {width} x {height} px to {arguments.output}")
