"""How long the app takes from the start of its process until the model is loaded: bundled, or cached while the Hub is away.

python tests/benchmarks/start_time.py [--rounds N]

All cases in turn, in every round. The Hub is a server on loopback, from which the bundled weights are fetched once.
"""

import argparse
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hub_fake.client import ROOT, HubClient, environment
from hub_fake.protocol import WRITER
from hub_fake.server import HubServer

REPOSITORY, BUNDLED = "ada/digits", "bundled"
CALLERS = []  # the connections that keep a queue full
START = """
import os, app
app.Verifier.from_pretrained(*app.split_revision(os.environ.get("SIAMESE_MODEL")))
print("loaded", flush=True)
os._exit(0)
"""


def main(argv: list[str] | None = None) -> int:
    """Print the median seconds of every case, and how many times as long as with the bundled weights that is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="how often each case is timed (default: 10)")
    arguments = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as home, socket.socket() as hole:
        server, commit = fill_cache(Path(home))
        nobody, black_hole = server.endpoint, dig(hole)
        server.stop()
        branch = f"{REPOSITORY}@main"
        cases = {
            BUNDLED: (nobody, {}),
            "commit, connection refused": (nobody, {"SIAMESE_MODEL": f"{REPOSITORY}@{commit}"}),
            "commit, no answer": (black_hole, {"SIAMESE_MODEL": f"{REPOSITORY}@{commit}"}),
            "branch, connection refused": (nobody, {"SIAMESE_MODEL": branch}),
            "branch, no answer": (black_hole, {"SIAMESE_MODEL": branch}),
            "branch, HF_HUB_OFFLINE=1": (black_hole, {"SIAMESE_MODEL": branch, "HF_HUB_OFFLINE": "1"}),
        }
        seconds = {name: [] for name in cases}
        for number in range(arguments.rounds + 1):
            for name in random.Random(number).sample(list(cases), len(cases)):
                endpoint, variables = cases[name]
                taken = start(environment(endpoint, Path(home), **variables))
                if number:  # the first round warms the disk's cache
                    seconds[name].append(taken)
    bundled = statistics.median(seconds[BUNDLED])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:<28} {median:.2f} s  {median / bundled:.2f}x  ({min(values):.2f} to {max(values):.2f})")
    return 0


def fill_cache(home: Path) -> tuple[HubServer, str]:
    """A server with the bundled weights, which the cache below `home` then holds too; their commit."""
    server = HubServer()
    client = HubClient(server.endpoint, home)
    commit = client.call("push_folder", ROOT / "siamese" / "weights" / "digits", REPOSITORY, token=WRITER)["value"]["commit"]
    for revision in (commit, "main"):
        client.call("fetch_model", REPOSITORY, revision)
    client.close()
    return server, commit


def dig(hole: socket.socket) -> str:
    """The address of a server that nobody gets through to: its queue is full, so that the system lets further calls wait."""
    hole.bind(("127.0.0.1", 0))
    hole.listen(0)
    for _ in range(4):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(hole.getsockname())
        CALLERS.append(waiting)
    return f"http://127.0.0.1:{hole.getsockname()[1]}"


def start(variables: dict[str, str]) -> float:
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", START], cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        if process.stdout.readline() != "loaded\n":
            raise RuntimeError(f"the app did not start: {process.stderr.read()}")
        return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
