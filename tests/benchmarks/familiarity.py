"""How often the demo warns that an image is unlike anything the model knows: of digits it never saw, and of other things.

python tests/benchmarks/familiarity.py --data-dir data --unlike data/omniglot data/faces [--pen data/pendigits.csv] [--write]

The reference is drawn from the test images of the dataset that the model was trained on, the false warnings are counted on
the rest of them. `--write` puts the reference into the folder of the model, as train.py does.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from pendigits import load_pendigits, render

from siamese import Verifier
from siamese.data.datasets import load_dataset
from siamese.distances import distance_matrix
from siamese.hub.sources import locate_model
from siamese.images.canonical import to_tensor
from siamese.model_folder.reference import Reference, choose_reference, save_reference
from siamese.network import embed_all

SUFFIXES = (".png", ".jpg", ".pgm", ".jpeg")


def main(argv: list[str] | None = None) -> int:
    """Print the share of images that are warned of, a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="model folder (default: the bundled digits)")
    parser.add_argument("--data-dir", default="data", help="folder of datasets, as for train.py (default: data)")
    parser.add_argument("--unlike", nargs="*", default=[], help="folders of images of other things")
    parser.add_argument("--pen", help="pendigits.csv: digits drawn on a tablet")
    parser.add_argument("--count", type=int, default=1500, help="images of each kind at most (default: 1500)")
    parser.add_argument("--write", action="store_true", help="put the reference into the model's folder")
    arguments = parser.parse_args(argv)

    verifier = Verifier.from_pretrained(arguments.model)
    config, generator = verifier.config, np.random.default_rng(0)
    _, test = load_dataset(config.data.dataset, arguments.data_dir, config.preprocess, config.encoder)
    embeddings = embed_all(verifier.network, to_tensor(test.images), progress="embedding")
    reference = choose_reference(embeddings, test.labels)
    rest = embeddings[distance_matrix(embeddings, reference.embeddings).amin(dim=1) > 1e-3]  # the product rounds
    print(f"limit {reference.limit:.4f}, threshold {config.calibration.threshold:.4f}")
    _report(f"rest of {config.data.dataset}'s test", reference, rest.numpy())
    for folder in arguments.unlike:
        files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
        drawn = generator.permutation(len(files))[: arguments.count]
        _report(folder, reference, verifier.embed([files[index] for index in drawn]))
    scribbles = [_scribble(generator) for _ in range(min(300, arguments.count))]
    _report("scribbles", reference, verifier.embed(scribbles))
    if arguments.pen:
        strokes, _ = load_pendigits(arguments.pen)
        _report("digits drawn with a pen", reference, verifier.embed([render(line) for line in strokes[: arguments.count]]))
    if arguments.write:
        save_reference(reference, verifier.network, locate_model(arguments.model)[0])
    return 0


def _report(name: str, reference: Reference, embeddings: np.ndarray) -> None:
    warned = np.mean([not reference.is_familiar(embedding) for embedding in embeddings])
    print(f"{name}: {warned:.2%} of {len(embeddings):,} warned of")


def _scribble(generator: np.random.Generator) -> Image.Image:
    """A line through 6 to 24 random points, as wide as the demo's brush."""
    image = Image.new("L", (400, 400), 255)
    points = generator.uniform(50, 350, (generator.integers(6, 25), 2))
    ImageDraw.Draw(image).line([tuple(point) for point in points], fill=0, width=20, joint="curve")
    return image


if __name__ == "__main__":
    sys.exit(main())
