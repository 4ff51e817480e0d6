"""Datasets of the Hub, as the real huggingface_hub and the real `datasets` read them from a Hub on loopback."""

import hashlib
import io
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hub_fake.expect import assert_explained
from hub_fake.protocol import READER, STRANGER
from number_files import list_table

from siamese.model_folder.files import CONFIG_FILE, WEIGHTS_FILE

datasets = pytest.importorskip("datasets", reason="needs the extra siamese[datasets]")


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their names there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def class_of(name: str) -> str:
    return name.rpartition("/")[0]


def parquet_of(files: dict[str, bytes], names: Sequence[str] = ()) -> bytes:
    """A Parquet file of these images with their classes, as `push_to_hub` writes it."""
    names = names or sorted({class_of(name) for name in files})
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


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def expected(files: dict[str, bytes]) -> dict[str, list[str]]:
    """What `images` says of these files in class folders."""
    classes = {}
    for name in sorted(files):
        classes.setdefault(class_of(name), []).append(digest(files[name]))
    return dict(sorted(classes.items()))


LAYOUTS = {
    "image folder": lambda files: files,
    "Parquet": lambda files: {"data/train-00000-of-00001.parquet": parquet_of(files)},
    "metadata": metadata_of,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_classes_and_images_are_those_of_the_folder(server, client, repo, pictures, layout):
    commit = server.add(f"datasets/{repo}", LAYOUTS[layout](pictures))
    found = client.call("images", repo)
    assert "value" in found, found
    assert found["value"]["classes"] == expected(pictures)
    assert found["value"]["commit"] == commit
    asked = len(server.requests(repo))
    assert client.call("images", f"{repo}@{commit}")["value"] == found["value"]
    assert len(server.requests(repo)) == asked, "what is here by its commit is not asked for again"


def test_a_part_alone_and_all_of_them(server, client, repo, pictures):
    names = sorted({class_of(name) for name in pictures})
    some = {name: content for name, content in pictures.items() if "digit 6" not in name}
    files = {
        "data/train-00000-of-00001.parquet": parquet_of(some, names),
        "data/test-00000-of-00001.parquet": parquet_of(pictures),
    }
    server.add(f"datasets/{repo}", files)
    alone = client.call("images", repo, split="train")["value"]
    assert alone["classes"] == expected(some)
    everything = client.call("images", repo)["value"]
    assert {name: len(parts) for name, parts in everything["parts"].items()} == {
        f"digit {i}": 4 if i == 6 else 8 for i in range(7)
    }
    assert set(everything["parts"]["digit 0"]) == {"train", "test"}
    asked = len(server.requests("/resolve/"))
    assert client.call("images", repo, split="test")["value"]["classes"] == expected(pictures)
    assert len(server.requests("/resolve/")) == asked, "what is here as a whole is not fetched again"
    assert_explained(
        client.call("images", repo, split="dev"), "has no images in a part 'dev'", "allowed: test, train", kind="ValueError"
    )


def test_parts_of_an_image_folder_are_those_of_its_folders(server, client, repo, pictures):
    files = {f"{'test' if name < 'digit 3' else 'train'}/{name}": content for name, content in pictures.items()}
    server.add(f"datasets/{repo}", files)
    found = client.call("images", repo)["value"]
    assert found["classes"] == expected(pictures)
    assert {name: set(parts) for name, parts in found["parts"].items()} == {
        f"digit {i}": {"test" if i < 3 else "train"} for i in range(7)
    }


def test_pairs_are_those_of_a_file_of_pairs(server, client, repo, pictures):
    names = sorted(pictures)
    features = datasets.Features(
        {"left": datasets.Image(), "right": datasets.Image(), "same": datasets.Value("bool"), "by": datasets.Value("string")}
    )
    pairs = [(names[i], names[(3 * i) % len(names)], i % 2 == 0) for i in range(20)]
    rows = {
        "left": [{"bytes": pictures[a], "path": a} for a, _, _ in pairs],
        "right": [{"bytes": pictures[b], "path": None} for _, b, _ in pairs],
        "same": [same for _, _, same in pairs],
        "by": ["Ada"] * 20,
    }
    server.add(f"datasets/{repo}", {"data/train-00000-of-00001.parquet": to_parquet(rows, features)})
    found = client.call("images", repo)
    assert "value" in found, found
    found = found["value"]["pairs"]
    assert found == [[digest(pictures[a]), digest(pictures[b]), same] for a, b, same in pairs]
    checked = client.call("command", "check", repo)["value"]
    assert re.match(r"(?s).*\d+ usable pairs, \d+ same and \d+ different, of \d+ images; 0 left out", checked["out"]), (
        checked
    )


def test_numbers_are_those_of_the_table_here(server, client, repo, tmp_path):
    table = list_table(tmp_path / "lists.parquet", age=range(1, 240, 2))
    server.add(f"datasets/{repo}", {"data/train-00000-of-00001.parquet": table.read_bytes()})
    here, there = (client.call("command", "check", source, "--json")["value"]["out"] for source in (str(table), repo))
    assert "1 column beside lists of numbers, not used: age" in here
    assert there == here


def test_private_and_gated_datasets_use_the_login(server, client, repo, pictures):
    for access in ("private", "gated"):
        name = f"{repo}-{access}"
        server.add(f"datasets/{name}", LAYOUTS["Parquet"](pictures), **{access: True})
        refused = client.call("images", name)
        if access == "private":
            assert_explained(
                refused, f"there is no dataset {name} at", "it is private: run `hf auth login`, or set HF_TOKEN"
            )
            assert_explained(client.call("images", name, token=STRANGER), "this login may not see it")
        else:
            assert_explained(refused, f"{name} is gated: ask for access at .*/datasets/{name}; then run `hf auth login`")
            assert_explained(client.call("images", name, token=STRANGER), f"ask for access at .*/datasets/{name}")
        assert client.call("images", name, token=READER)["value"]["classes"] == expected(pictures)


def test_what_is_not_there_is_said(server, client, repo, pictures):
    commit = server.add(f"datasets/{repo}", pictures)
    assert_explained(client.call("images", "ada/nothing"), "there is no dataset ada/nothing at", "nor is it a folder here")
    assert_explained(client.call("images", f"{repo}@v9"), f"{repo} has no branch, tag or commit v9")
    server.add(f"datasets/{repo}-empty", {"README.md": b"Soon."})
    assert_explained(client.call("images", f"{repo}-empty"), "holds no images: no image files")
    assert client.call("images", f"{repo}@{commit}")["value"]["commit"] == commit
    server.add(f"datasets/{repo}-old", {f"{repo.partition('/')[2]}-old.py": b"raise SystemExit"})
    assert_explained(
        client.call("images", f"{repo}-old"), "is made by a program, .*-old.py, which is not run", "convert/parquet"
    )


def test_columns_and_configurations_that_are_not_clear_are_asked_for(server, client, repo, pictures):
    content = list(pictures.values())
    for kind, columns, said in (
        ("unlabelled", {}, "has no column that names the class of an image, only: image"),
        ("three", {"genus": 3, "family": 2, "order": 2}, "name it with --label-column: genus, family, order"),
    ):
        features = {name: datasets.ClassLabel(num_classes=count) for name, count in columns.items()}
        rows = {"image": [{"bytes": each, "path": None} for each in content]}
        rows |= {name: [i % count for i in range(len(content))] for name, count in columns.items()}
        table = to_parquet(rows, datasets.Features({"image": datasets.Image(), **features}))
        server.add(f"datasets/{repo}-{kind}", {"data/train-00000-of-00001.parquet": table})
        assert_explained(client.call("images", f"{repo}-{kind}"), said, kind="ValueError")
    found = client.call("images", f"{repo}-three", label_column="genus")["value"]["classes"]
    assert {name: len(files) for name, files in found.items()} == {"0": 10, "1": 9, "2": 9}
    table = parquet_of(pictures)
    readme = "---\nconfigs:\n- config_name: a\n  data_files: a.parquet\n- config_name: b\n  data_files: b.parquet\n---\n"
    server.add(f"datasets/{repo}-two", {"README.md": readme.encode(), "a.parquet": table, "b.parquet": table})
    assert_explained(client.call("images", f"{repo}-two"), "name one with --dataset-config: a, b", kind="ValueError")
    assert_explained(
        client.call("images", f"{repo}-two", config="c"), "no configuration 'c', allowed: a, b", kind="ValueError"
    )
    assert client.call("images", f"{repo}-two", config="b")["value"]["classes"] == expected(pictures)


def test_broken_pictures_are_named_and_rows_without_a_class_left_out(server, client, repo, pictures, tmp_path):
    names = sorted(pictures)
    rows = {
        "image": [{"bytes": pictures[name], "path": f"{number}.png"} for number, name in enumerate(names)],
        "label": [i // 4 for i in range(28)],
    }
    rows["image"][3] = {"bytes": b"not a picture", "path": "notes.png"}
    rows["image"][5]["bytes"] = rows["image"][5]["bytes"][:40]
    rows["image"][9] = None
    rows["label"][13] = -1
    rows["label"][14] = None
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(num_classes=7)})
    server.add(f"datasets/{repo}", {"data/train-00000-of-00001.parquet": to_parquet(rows, features)})
    found = client.call("command", "check", repo)["value"]
    for name in ("notes.png", "5.png", "row 0000009.png"):
        assert f"/{name}: " in found["out"]
    assert "2 rows of labels.csv without a class, left out" in found["out"]
    assert "23 usable images in 7 classes" in found["out"]
    assert found["code"] == 0, found


def test_evaluate_and_one_shot_read_what_training_does(server, client, repo, pictures, digit_folder, tmp_path):
    some = {name: content for name, content in pictures.items() if name.endswith((".png", ".bmp"))}
    names = sorted({class_of(name) for name in pictures})
    files = {"train": parquet_of(some, names), "test": parquet_of(pictures, names)}
    server.add(f"datasets/{repo}", {f"data/{part}-00000-of-00001.parquet": table for part, table in files.items()})
    of_folder = client.call("command", "evaluate", "--dataset", str(digit_folder), "--json")["value"]
    of_hub = client.call("command", "evaluate", "--dataset", repo, "--dataset-split", "test", "--json")["value"]
    numbers = [json.loads(each["out"]) | {"dataset": ""} for each in (of_folder, of_hub)]
    assert numbers[0] == numbers[1]
    parts = ["--support", repo, "--support-split", "train", "--query", repo, "--query-split", "test", "--json"]
    done = client.call("command", "one_shot", *parts)["value"]
    assert done["code"] == 0, done
    assert len(json.loads(done["out"])["results"]) == len(pictures)


def test_what_is_cut_off_is_no_dataset_and_comes_the_next_time(server, client, repo, pictures):
    for layout, key in (("image folder", ".png"), ("Parquet", ".parquet")):
        name = f"{repo}-{layout.replace(' ', '-')}"
        commit = server.add(f"datasets/{name}", LAYOUTS[layout](pictures))
        server.fail(403, f"/{name}/resolve/", key=key, times=100)
        assert_explained(client.call("images", name), "may not read")
        server.faults.clear()
        assert client.call("images", name)["value"]["classes"] == expected(pictures)
        server.fail(503, "/api/datasets", times=100)
        assert client.call("images", name)["value"]["commit"] == commit, "what is here serves where the Hub does not answer"
        server.faults.clear()


@pytest.fixture
def sources(server, repo) -> Callable[[Path], dict[str, str]]:
    """Puts the images of a folder on the Hub in each layout: "folder" and the layouts -> what --dataset takes."""

    def make(folder: Path) -> dict[str, str]:
        names = {"folder": str(folder)}
        for number, (layout, change) in enumerate(LAYOUTS.items()):
            names[layout] = f"{repo}-{number}"
            server.add(f"datasets/{names[layout]}", change(files_of(folder)))
        return names

    return make


@pytest.fixture
def alphabets(full_mnist_root, tmp_path) -> Callable[[int, int], Path]:
    """Makes a folder of some images of each character of some alphabets of Omniglot."""
    background = full_mnist_root / "omniglot" / "images_background"
    if not background.is_dir():
        pytest.skip("SIAMESE_TEST_DATA holds no omniglot/images_background")

    def make(count: int, images: int) -> Path:
        for alphabet in sorted(background.iterdir())[:count]:
            for character in alphabet.iterdir():
                for file in sorted(character.iterdir())[:images]:
                    copy = tmp_path / "alphabets" / file.relative_to(background)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, copy)
        return tmp_path / "alphabets"

    return make


def test_split_of_omniglots_characters_is_that_of_the_folder(client, sources, alphabets):
    found = {layout: client.call("split", source) for layout, source in sources(alphabets(3, 2)).items()}
    assert all("value" in each for each in found.values()), found
    assert len({each["value"] for each in found.values()}) == 1


def weights(client, sources: dict[str, str], output: Path, **options) -> dict[str, bytes]:
    models = {}
    for layout, source in sources.items():
        done = client.start("train", source, output / layout, **options).result(900)
        assert "value" in done, done
        models[layout] = (output / layout / WEIGHTS_FILE).read_bytes()
    return models


def test_weights_are_those_of_the_folder_to_the_bit_and_the_commit_is_recorded(
    server, client, sources, digit_folder, tmp_path
):
    named = sources(digit_folder)
    models = weights(client, {layout: named[layout] for layout in ("folder", "Parquet")}, tmp_path, epochs=1, batch_size=16)
    assert models["Parquet"] == models["folder"]
    data = json.loads((tmp_path / "Parquet" / CONFIG_FILE).read_text())["data"]
    assert data["dataset"] == named["Parquet"]
    assert data["revision"] == server.repositories[f"datasets/{named['Parquet']}"].branches["main"]


@pytest.mark.slow
@pytest.mark.exhaustive
def test_weights_of_omniglots_characters_are_those_of_the_folder_to_the_bit(client, sources, alphabets, tmp_path):
    models = weights(client, sources(alphabets(4, 20)), tmp_path, epochs=1)
    assert len(set(models.values())) == 1
