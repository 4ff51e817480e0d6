"""Write a model as one file for programs that have no PyTorch, or not this package."""

import argparse
from pathlib import Path

from siamese.commands import parser_of, run
from siamese.export.metadata import INPUTS, SUFFIXES


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese export`; each states its default."""
    parser = parser_of("export", __doc__)
    add = parser.add_argument
    add("model", metavar="MODEL", help="folder, bundled model or Hub repository USER/NAME[@REVISION]")
    add("--format", choices=SUFFIXES, default="onnx", help="of the file; onnx needs siamese[onnx] (default: onnx)")
    add("-o", "--output", metavar="FILE", help="file to write (default: in the model's folder, else here, by its name)")
    add(
        "--input",
        choices=INPUTS,
        default=INPUTS[0],
        help="what it takes: uint8, canonical images (N, H, W) or (N, H, W, 3) as they are; or float32, (N, C, H, W), "
        f"their values divided by 255 (default: {INPUTS[0]})",
    )
    add("--without-reference", action="store_true", help="without embeddings of test images, which tell what is familiar")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(export, build_parser().parse_args(argv))


def export(arguments: argparse.Namespace) -> None:
    """`export MODEL`: the file, what it takes and what it gives."""
    from siamese.export.onnx_network import is_onnx_file
    from siamese.export.write import export_network
    from siamese.hub.sources import split_revision
    from siamese.model_folder.files import write_file
    from siamese.verifier import Verifier

    source, revision = split_revision(arguments.model)
    if is_onnx_file(source):
        raise ValueError(f"model {source!r} is exported already, allowed: a folder, a bundled model or one of the Hub")
    file = Path(arguments.output or default_file(source, arguments.format))
    if arguments.format == "onnx" and file.suffix.lower() != SUFFIXES["onnx"]:
        raise ValueError(f"--output is {str(file)!r}, allowed: a file that ends with {SUFFIXES['onnx']}")
    verifier = Verifier.from_pretrained(source, revision)
    verifier.check_images("siamese export")
    reference = None if arguments.without_reference else verifier.reference
    content = export_network(verifier.network, verifier.config, arguments.format, arguments.input, reference)
    write_file(file, lambda temporary: temporary.write_bytes(content))
    encoder = verifier.config.encoder
    side, colours = f"{encoder.image_size}, {encoder.image_size}", encoder.channels
    takes = f"{colours}, {side}" if arguments.input == "float32" else f"{side}, {colours}" if colours == 3 else side
    gives = f"float32 (N, {encoder.embedding_dim}), the same up to a distance of {verifier.config.calibration.threshold:.4f}"
    print(f"wrote {file}, {len(content) / 1e6:.1f} MB: {arguments.input} (N, {takes}) -> {gives}")


def default_file(source: str, form: str) -> Path:
    """Where the file goes if nobody says: into a model folder, or beside nothing, by the name of a model."""
    if Path(source).is_dir():
        return Path(source) / f"model{SUFFIXES[form]}"
    return Path(f"{Path(source).stem if source.endswith('.zip') else Path(source).name}{SUFFIXES[form]}")
