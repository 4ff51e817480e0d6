"""From the start of the server's process to a page that can be used, in Chromium: the demo, and a bare page with torch.

python tests/benchmarks/cold_start.py [--rounds 3]

The bare one imports torch and shows two image inputs and a button. Both in turn, in every round.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from app_fixtures import ROOT, app_environment
from browser_fixtures import BOTH_BRUSHES, chromium_path
from playwright.sync_api import Browser, Error, expect, sync_playwright

BARE = """
import gradio as gr, torch
with gr.Blocks(analytics_enabled=False) as demo:
    images = [gr.Image(), gr.Image()]
    gr.Button("Compare").click(lambda a, b: None, images, None)
demo.launch(server_port={port}, quiet=True, ssr_mode=False, enable_monitoring=False)
"""
PATIENCE = 120_000  # ms


def usable(browser: Browser, command: list[str], port: int, selector: str, count: int, folder: str) -> tuple[float, float]:
    """Seconds from the start of the process to the first answer, and from there to `count` of `selector` on the page."""
    environment = app_environment(GRADIO_TEMP_DIR=folder)
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        page = browser.new_page()
        try:
            while True:
                try:
                    page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
                    break
                except Error:  # not there yet
                    if server.poll() is not None:
                        raise RuntimeError(f"{command[1:3]} did not start") from None
                    time.sleep(0.05)
            answered = time.perf_counter()
            expect(page.locator(selector)).to_have_count(count, timeout=PATIENCE)
            return answered - began, time.perf_counter() - answered
        finally:
            page.close()
            server.terminate()


def main(argv: list[str] | None = None) -> int:
    """Print the median of each, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is started, after once to warm (default: 3)")
    arguments = parser.parse_args(argv)
    medians = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(playwright))
        cases = {
            "bare": ([sys.executable, "-c", BARE.format(port=7871)], 7871, "button:has-text('Compare')", 1),
            "demo": ([sys.executable, "app.py", "--port", "7872"], 7872, BOTH_BRUSHES, 2),
        }
        taken = {name: [] for name in cases}
        for number in range(arguments.rounds + 1):
            for name, case in cases.items():
                times = usable(browser, *case, folder)
                if number:  # the first round warms the disk's cache
                    taken[name].append(times)
        browser.close()
    for name, times in taken.items():
        medians[name] = statistics.median(map(sum, times))
        first, rest = (statistics.median(part) for part in zip(*times, strict=True))
        print(f"{name}: {medians[name]:.1f} s until usable ({first:.1f} s to the first answer, {rest:.1f} s from there)")
    print(f"the demo takes {medians['demo'] / medians['bare']:.2f} times as long")
    return 0


if __name__ == "__main__":
    sys.exit(main())
