"""Peak memory of fetching datasets of the Hub with more and more rows, from a Hub on loopback.

    python tests/benchmarks/hub_rows.py [--rows N ...]

The rows are made: pictures of random pixels in 1,000 classes, a Parquet file of them. Each number of rows has a process
of its own.
"""

import argparse
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hub_fake.client import environment
from hub_fake.server import HubServer

SIDE, CLASSES = 12, 1000
FETCH = """
import resource, sys, time
from siamese.commands.image_flags import fetched
from siamese.data.class_tree import read_tree
from siamese.data.own_images import ANYTHING, own_images
import datasets
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
began, before = time.perf_counter(), peak()
own = own_images(fetched("ada/rows", ANYTHING), ANYTHING)
fetched, seconds = peak(), time.perf_counter() - began
classes = read_tree(own.place, own.layout).classes
print(f"{before:.0f} {fetched:.0f} {peak():.0f} {seconds:.0f} {sum(map(len, classes.values()))} {len(classes)}")
"""


def table_of(count: int) -> bytes:
    """A Parquet file of `count` rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    generator, file = np.random.default_rng(0), io.BytesIO()
    header = f"P5 {SIDE} {SIDE} 255\n".encode()
    writer = None
    for start in range(0, count, 10_000):
        size = min(10_000, count - start)
        pixels = generator.integers(0, 256, (size, SIDE * SIDE), np.uint8)
        images = [{"bytes": header + row.tobytes(), "path": f"{start + i}.pgm"} for i, row in enumerate(pixels)]
        labels = [f"class {(start + i) % CLASSES}" for i in range(size)]
        table = pa.table({"image": images, "label": labels})
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    writer.close()
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    print("    rows  MB before  MB fetched  MB listed  seconds")
    for count in parser.parse_args().rows:
        server = HubServer()
        server.add("datasets/ada/rows", {"data/train-00000-of-00001.parquet": table_of(count)})
        with tempfile.TemporaryDirectory() as home:
            command = [sys.executable, "-c", FETCH]
            done = subprocess.run(command, env=environment(server.endpoint, Path(home)), capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(done.stderr)
            before, fetched, listed, seconds, images, classes = map(int, done.stdout.split())
            assert (images, classes) == (count, min(count, CLASSES))
            print(f"{count:>8,}  {before:>9,}  {fetched:>10,}  {listed:>9,}  {seconds:>7,}", flush=True)
        server.stop()


if __name__ == "__main__":
    main()
