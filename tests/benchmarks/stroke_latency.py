"""From the end of a stroke to the verdict on the screen, in Chromium on the machine of the demo; and the share of the model.

python tests/benchmarks/stroke_latency.py [--strokes 50]
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from app_fixtures import running_app
from browser_fixtures import BOTH_BRUSHES, ONE, PATIENCE, chromium_path, draw
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from siamese import Verifier
from siamese.data.datasets.mnist import load_sample_digits
from siamese.demo.compare.comparison import compare

SENT = 200  # px, the side of a drawing as the page sends it

# From the time that the browser gives the end of the stroke. A verdict counts if it is another than was there then, and when
# the frame after the one that first holds it begins: then it has been painted.
WATCH = """() => {
  const turn = () => document.querySelector("#verdict .word") && document.querySelector("#verdict .panel").dataset.turn;
  let ended = null, before = null;
  window.took = [];
  addEventListener("pointerup", (event) => { [ended, before] = [event.timeStamp, turn()]; }, true);
  new MutationObserver(() => {
    if (ended === null || !turn() || turn() === before) return;
    const began = ended;
    ended = null;
    requestAnimationFrame(() => setTimeout(() => window.took.push(performance.now() - began)));
  }).observe(document.querySelector("#verdict"), {subtree: true, childList: true});
}"""


def model_milliseconds(strokes: int) -> float:
    """Median of what the model takes for two drawings as the page sends them: preprocessing, encoder, verdict."""
    verifier = Verifier.from_pretrained()
    images, _ = load_sample_digits()
    papers = [Image.fromarray(255 - image).resize((SENT, SENT), Image.Resampling.BICUBIC) for image in images[: strokes + 1]]
    taken = []
    for pair in itertools.pairwise(papers):
        began = time.perf_counter()
        compare(verifier, list(pair)).verdict(verifier.config.calibration.threshold)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def main(argv: list[str] | None = None) -> int:
    """Print the median and the spread of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=50, help="how many are timed (default: 50)")
    arguments = parser.parse_args(argv)
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder)) as app, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(playwright))
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(app.url)
        expect(page.locator(BOTH_BRUSHES)).to_have_count(2, timeout=PATIENCE)
        draw(page, "first", ONE)
        draw(page, "second", ONE)
        expect(page.locator("#verdict .word")).to_have_count(1, timeout=PATIENCE)
        page.wait_for_timeout(1000)
        page.evaluate(WATCH)
        for count in range(arguments.strokes):
            x, y = random.uniform(0.2, 0.7, 2)
            draw(page, "second", [(x, y), (x + 0.05, y + 0.05), (x + 0.1, y + 0.05)])
            page.wait_for_function(f"window.took.length > {count}")
            page.wait_for_timeout(500)  # before the next stroke
        taken = page.evaluate("window.took")
        chromium.close()
    low, middle, high = np.percentile(taken, [10, 50, 90])
    print(f"stroke end to verdict: median {middle:.0f} ms (10% to 90%: {low:.0f} to {high:.0f}), {len(taken)} strokes")
    print(f"the model's part: median {model_milliseconds(arguments.strokes):.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
