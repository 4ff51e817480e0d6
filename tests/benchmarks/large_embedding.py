"""Embedding a folder of very many pictures: time, processors, memory, and what an interruption costs.

python tests/benchmarks/large_embedding.py --images 100000

The folder is made first, of noisy copies of the bundled digits. `siamese embed` is killed after a share of the pictures,
goes on, and then does all of it again as two processes of torchrun, which must give the same bits. Linux only.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from large_folder import ROOT, make_folder, private_megabytes

SIAMESE = [sys.executable, "-m", "siamese", "embed"]
IN_TWO = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone", "-m", "siamese", "embed"]


def watched(command: list[str], rows: Path | None = None, kill_after: int | None = None) -> tuple[float, float]:
    """Seconds and the most private memory (MB) of a command and what it starts; killed once `rows` has so many lines."""
    began, most = time.perf_counter(), 0.0
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None:
        time.sleep(0.2)
        most = max(most, private_megabytes(process.pid))
        if kill_after and rows.exists() and rows.read_bytes().count(b"\n") > kill_after:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return time.perf_counter() - began, most
    if process.returncode:
        sys.exit(f"{command} ended with code {process.returncode}")
    return time.perf_counter() - began, most


def main(argv: list[str] | None = None) -> int:
    """Print a line for each of the three runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000, help="how many (default: 100,000)")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder, one, two = Path(name) / "pictures", Path(name) / "one.npz", Path(name) / "two.npz"
        folder.mkdir()
        make_folder(folder, arguments.images)
        rows = Path(name) / ".one.npz.unfinished" / "rows.jsonl"
        seconds, most = watched([*SIAMESE, str(folder), "-o", str(one)], rows, arguments.images // 2)
        done = len(rows.read_bytes().splitlines()) - 1
        print(f"killed after {seconds:.0f} s with {done:,} of {arguments.images:,} done; at most {most:.0f} MB", flush=True)
        seconds, most = watched([*SIAMESE, str(folder), "-o", str(one)])
        print(f"the others: {seconds:.0f} s, at most {most:.0f} MB", flush=True)
        seconds, most = watched([*IN_TWO, str(folder), "-o", str(two)])
        print(f"all of them in two processes: {seconds:.0f} s, at most {most:.0f} MB")
        with np.load(one) as first, np.load(two) as second:
            assert first["files"].tolist() == second["files"].tolist()
            assert len(first["files"]) == arguments.images
            print("the same bits" if (first["embeddings"] == second["embeddings"]).all() else "OTHER BITS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
