"""How well are few photographs told apart, with hand-made features and with those of a network trained on others?

    python tests/benchmarks/few_photographs.py --faces data/faces --keep runs/photographs

Each seed draws other people for training, validation and test. What `timm/...` does was chosen on seeds from 100 on.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese.commands import train
from siamese.model_folder.weights import load_model

TEST_SHARE = 0.286  # 8 of 28 people


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", required=True, help="a folder of class folders")
    parser.add_argument("--encoders", nargs="+", default=["hog", "timm/tf_efficientnet_lite0"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--keep", type=Path, help="folder for the models; those that are there are not made again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, lines = arguments.keep or Path(scratch), []
        for encoder in arguments.encoders:
            started, results = time.perf_counter(), []
            for seed in range(arguments.first, arguments.first + arguments.seeds):
                output = folder / f"{encoder.replace('/', '-')}-{seed}"
                flags = ["--dataset", arguments.faces, "--test-share", str(TEST_SHARE), "--encoder", encoder]
                flags += ["--seed", str(seed), "--output", str(output), "--overwrite"]
                if not (output / "model.safetensors").exists() and (code := train.main(flags)):
                    sys.exit(code)
                results.append(load_model(output)[1].metrics)
            seconds = time.perf_counter() - started
            each = [metrics.balanced_accuracy for metrics in results]
            lines.append(
                f"{encoder}: {statistics.mean(each):.2f}% (standard deviation {statistics.stdev(each):.2f}; "
                f"{', '.join(f'{accuracy:.2f}' for accuracy in each)}), EER "
                f"{statistics.mean(metrics.equal_error_rate for metrics in results):.2f}%, {seconds:.0f} s in all"
            )
        print("\n".join(lines))


if __name__ == "__main__":
    main()
