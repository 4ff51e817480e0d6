"""Say whether two images show the same."""

import argparse
import json

from siamese.commands import add_model_flags, load, parser_of, run


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese compare`; each states its default."""
    parser = parser_of("compare", __doc__)
    parser.add_argument("image_a", metavar="A", help="an image file")
    parser.add_argument("image_b", metavar="B", help="another one")
    parser.add_argument("--threshold", type=float, help="largest distance called same (default: the model's own)")
    add_model_flags(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(compare, build_parser().parse_args(argv))


def compare(arguments: argparse.Namespace) -> None:
    """`compare A B`: the verdict, its confidence, the distance beside its threshold."""
    from siamese.evaluation.calibration import percent  # brings numpy, for which --help need not wait

    verifier = load(arguments)
    verdict = verifier.verify(arguments.image_a, arguments.image_b, arguments.threshold)
    if arguments.json:
        print(json.dumps({**verdict.to_dict(), "model": verifier.name}))
        return
    sure = f"{percent(verdict.confidence)} sure"
    if verdict.is_familiar is False:
        sure = "not sure: an image is unlike anything this model knows"
    elif verdict.remark:
        sure = f"not sure: {verdict.remark}"
    print(
        f"{'same' if verdict.is_same else 'different'} ({sure}), "
        f"distance {verdict.distance:.4f}, threshold {verdict.threshold:.4f}, model {verifier.name}"
    )
