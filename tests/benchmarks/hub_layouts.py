"""Does a dataset give the same splits and the same weights from the Hub, in three layouts, as from the folder that it was?

    python tests/benchmarks/hub_layouts.py --folder data/omniglot/images_background

The Hub is one on loopback; `datasets` and huggingface_hub are the real ones. Each layout is fetched and trained on for an
epoch by a process that knows no other Hub.
"""

import argparse
import hashlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path

import datasets

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hub_fake.client import HubClient
from hub_fake.server import HubServer

PATIENCE = 3600  # s for a training


def parquet_of(files: dict[str, bytes]) -> dict[str, bytes]:
    """As `push_to_hub` writes it."""
    names = sorted({name.rpartition("/")[0] for name in files})
    numbers = {name: number for number, name in enumerate(names)}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=names)})
    rows = {
        "image": [{"bytes": content, "path": Path(name).name} for name, content in files.items()],
        "label": [numbers[name.rpartition("/")[0]] for name in files],
    }
    table = io.BytesIO()
    datasets.Dataset.from_dict(rows, features=features).to_parquet(table)
    return {"data/train-00000-of-00001.parquet": table.getvalue()}


def metadata_of(files: dict[str, bytes]) -> dict[str, bytes]:
    """All images in one folder, and a list of their classes."""
    flat = {name: f"{number:07}{Path(name).suffix}" for number, name in enumerate(files)}
    rows = [json.dumps({"file_name": flat[name], "label": name.rpartition("/")[0]}) for name in files]
    return {"metadata.jsonl": "\n".join(rows).encode()} | {flat[name]: content for name, content in files.items()}


LAYOUTS = {"image folder": lambda files: files, "Parquet": parquet_of, "metadata": metadata_of}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="of folders of class folders, such as alphabets")
    parser.add_argument("--first", type=int, default=None, help="take so many of its folders alone")
    arguments = parser.parse_args()
    tops = sorted(path for path in arguments.folder.iterdir() if path.is_dir())[: arguments.first]
    with tempfile.TemporaryDirectory() as scratch:
        folder, server = Path(scratch) / "folder", HubServer()
        folder.mkdir()
        for top in tops:
            (folder / top.name).symlink_to(top.resolve())
        paths = sorted(path for top in tops for path in top.rglob("*") if path.is_file())
        files = {path.relative_to(arguments.folder).as_posix(): path.read_bytes() for path in paths}
        print(f"{len(tops)} folders, {len({name.rpartition('/')[0] for name in files})} classes, {len(files):,} images")
        client = HubClient(server.endpoint, Path(scratch) / "client")

        def measured(name: str, dataset: str) -> tuple[str, str]:
            began, model = time.perf_counter(), Path(scratch) / "models" / name
            split = client.start("split", dataset).result(PATIENCE)["value"]
            trained = client.start("train", dataset, model, epochs=1).result(PATIENCE)
            if "error" in trained:
                raise SystemExit(trained["message"])
            weights = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
            print(f"{name:>12}: split {split[:16]}, weights {weights[:16]}, {time.perf_counter() - began:.0f} s", flush=True)
            return split, weights

        expected, same = measured("folder", str(folder)), True
        for name, make in LAYOUTS.items():
            server.add(f"datasets/ada/{name.replace(' ', '-').lower()}", make(files))
            same &= measured(name, f"ada/{name.replace(' ', '-').lower()}") == expected
        client.close()
        server.stop()
    print("the same to the bit" if same else "NOT the same")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
