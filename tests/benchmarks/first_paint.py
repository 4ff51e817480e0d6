"""How soon the page is painted, and how long it then does not answer, by Lighthouse: the demo beside bare Gradio pages.

npm install lighthouse && python tests/benchmarks/first_paint.py [--rounds 3]

The bare ones hold a text box, and two sketchpads with an answer. All in turn, in every round, on loopback: as a desk with
nothing slowed down, and as Lighthouse's slow phone (a quarter of the processor's speed, a line of 1.6 Mbit/s, simulated).
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from app_fixtures import app_environment, running_app

BARE = """
import gradio as gr
with gr.Blocks(analytics_enabled=False) as demo:
    {widgets}
demo.launch(server_port={port}, quiet=True, ssr_mode=False, enable_monitoring=False)
"""
PAGES = {
    "a text box": "gr.Textbox(label='Text')",
    "two sketchpads": "[gr.Sketchpad(), gr.Sketchpad()]; gr.Button('Compare'); gr.HTML('Same')",
}
DEMO = "the demo"
DEVICES = {"desk": ("--preset=desktop", "--throttling-method=provided"), "slow phone": ()}
AUDITS = {
    "largest contentful paint": "largest-contentful-paint",
    "total blocking time": "total-blocking-time",
    "layout shift": "cumulative-layout-shift",
}
BROWSER = "--headless=new --no-sandbox --disable-gpu"


def lighthouse(command: str, url: str, device: str) -> dict[str, float]:
    """What Lighthouse measures of a page: ms, ms, and a share of the screen."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
    asked = [command, url, "--only-categories=performance", "--output=json", "--quiet"]
    asked += [f"--chrome-flags={BROWSER}", *DEVICES[device]]
    environment = {"CHROME_PATH": browser} | os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    ran = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    audits = json.loads(ran.stdout)["audits"]
    return {name: audits[audit]["numericValue"] for name, audit in AUDITS.items()}


@contextlib.contextmanager
def bare_page(widgets: str, folder: Path) -> Iterator[str]:
    """The address of a Gradio page with these widgets, until the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command, url = [sys.executable, "-c", BARE.format(widgets=widgets, port=port)], f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=folder, env=app_environment(), stdout=subprocess.DEVNULL) as server:
        try:
            while server.poll() is None:
                with contextlib.suppress(OSError), urllib.request.urlopen(url):
                    break
                time.sleep(0.2)
            yield url
        finally:
            server.terminate()


def main(argv: list[str] | None = None) -> int:
    """Print the medians of each page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured, after once to warm (default: 3)")
    parser.add_argument("--lighthouse", default="node_modules/.bin/lighthouse", help="the command (default: %(default)s)")
    parser.add_argument("--devices", nargs="+", choices=DEVICES, default=[*DEVICES], help="as what (default: all)")
    arguments = parser.parse_args(argv)
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = {name: stack.enter_context(bare_page(widgets, folder)) for name, widgets in PAGES.items()}
        addresses[DEMO] = stack.enter_context(running_app(folder)).url
        for number in range(arguments.rounds + 1):
            for device in arguments.devices:
                for page, url in addresses.items():
                    measured = lighthouse(arguments.lighthouse, url, device)
                    if number:
                        found.setdefault((device, page), []).append(measured)
    for device in arguments.devices:
        for page in addresses:
            medians = {name: statistics.median(each[name] for each in found[device, page]) for name in AUDITS}
            print(f"{device}, {page}: " + ", ".join(f"{name} {value:.4g}" for name, value in medians.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
