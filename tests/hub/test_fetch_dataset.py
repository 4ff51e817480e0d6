"""Datasets of the Hub, as the real huggingface_hub and the real `datasets` read them from a Hub on loopback."""

import hashlib
import io
import json
from pathlib import Path

import pytest

from siamese.model_folder.weights import CONFIG_FILE, WEIGHTS_FILE

datasets = pytest.importorskip("datasets", reason="pip install 'siamese[datasets]'")


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their names there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def class_of(name: str) -> str:
    return name.rpartition("/")[0]


def parquet_of(files: dict[str, bytes], **more) -> bytes:
    """A Parquet file of these images with their classes, as `push_to_hub` writes it."""
    names = sorted({class_of(name) for name in files})
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=names)})
    rows = {
        "image": [{"bytes": content, "path": Path(name).name} for name, content in files.items()],
        "label": [names.index(class_of(name)) for name in files],
    }
    return to_parquet(rows, features)


def to_parquet(rows: dict, features) -> bytes:
    file = io.BytesIO()
    datasets.Dataset.from_dict(rows, features=features).to_parquet(file)
    return file.getvalue()


def metadata_of(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same images in one folder, and a list of their classes."""
    flat = {name: f"{number:04}-{Path(name).name}" for number, name in enumerate(sorted(files))}
    rows = [json.dumps({"file_name": flat[name], "label": class_of(name)}) for name in files]
    return {"metadata.jsonl": "\n".join(rows).encode(), **{flat[name]: content for name, content in files.items()}}


@pytest.fixture
def pictures(digit_folder) -> dict[str, bytes]:
    return files_of(digit_folder)


def expected(files: dict[str, bytes]) -> dict[str, list[str]]:
    """What `images` says of these files in class folders."""
    classes = {}
    for name in sorted(files):
        classes.setdefault(class_of(name), []).append(hashlib.sha256(files[name]).hexdigest())
    return dict(sorted(classes.items()))


LAYOUTS = {
    "image folder": lambda files: files,
    "Parquet": lambda files: {"data/train-00000-of-00001.parquet": parquet_of(files)},
    "metadata": metadata_of,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_classes_and_images_are_those_of_the_folder(server, client, repo, pictures, layout):
    commit = server.add(repo, LAYOUTS[layout](pictures), kind="datasets")
    found = client.call("images", repo)
    assert "value" in found, found
    assert found["value"]["classes"] == expected(pictures)
    assert found["value"]["commit"] == commit
    asked = len(server.requests(repo))
    assert client.call("images", f"{repo}@{commit}")["value"] == found["value"]
    assert len(server.requests(repo)) == asked, "what is here by its commit is not asked for again"


def test_weights_are_those_of_the_folder_to_the_bit(server, client, repo, pictures, digit_folder, tmp_path):
    sources = {"folder": str(digit_folder)}
    for number, (layout, make) in enumerate(LAYOUTS.items()):
        sources[layout] = f"{repo}-{number}"
        server.add(sources[layout], make(pictures), kind="datasets")
    models = {}
    for layout, source in sources.items():
        done = client.call("train", source, tmp_path / layout, epochs=1, batch_size=8)
        assert "value" in done, done
        models[layout] = (tmp_path / layout / WEIGHTS_FILE).read_bytes()
    assert set(models.values()) == {models["folder"]}
    data = json.loads((tmp_path / "Parquet" / CONFIG_FILE).read_text())["data"]
    assert (data["dataset"], data["revision"]) == (
        sources["Parquet"],
        server.repositories[sources["Parquet"]].branches["main"],
    )
