"""Models of rows and of sequences, from a table or a folder to a verdict, as a user makes and uses them."""

import json

import numpy as np
import pytest
from number_files import WINE, class_folders, long_table, profiles, wine_table
from PIL import Image

from siamese import Gallery, Verifier
from siamese.__main__ import main
from siamese.commands import train
from siamese.config import ModelFolderConfig
from siamese.hub.published import published
from siamese.model_folder.model_card import SHOW_PIXELS

QUICK = ["--epochs", "2", "--batch-size", "64", "--embedding-dim", "16", "--device", "cpu"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("numbers")


@pytest.fixture(scope="module")
def of_rows(folder):
    table = wine_table(folder / "wine.csv")
    assert train.main(["--dataset", str(table), "--output", str(folder / "rows"), *QUICK]) == 0
    return folder / "rows"


@pytest.fixture(scope="module")
def of_sequences(folder):
    table = long_table(folder / "long.csv")
    columns = ["--series-column", "series", "--time-column", "time", "--split", "within", "--encoder", "gru"]
    assert train.main(["--dataset", str(table), "--output", str(folder / "sequences"), *columns, *QUICK]) == 0
    return folder / "sequences"


def answer(capsys, *words) -> dict:
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_model_of_rows_compares_rows_however_they_are_given(of_rows, folder, capsys):
    verifier, table = Verifier.from_pretrained(of_rows), folder / "wine.csv"
    by_name = dict(zip(WINE.feature_names, WINE.data[99].tolist(), strict=True))
    verdict = verifier.verify(WINE.data[0], by_name)
    assert verdict.distance == verifier.verify(by_name, f"{table}#1").distance > 0
    assert verifier.verify(by_name, by_name).distance == 0
    found = answer(capsys, "compare", f"{table}#1", f"{table}#100", "--model", of_rows)
    assert found["distance"] == verdict.distance
    assert verifier.embed([WINE.data[0], WINE.data[1]]).shape == (2, 16)
    assert verifier.canonical(WINE.data[0]).dtype == np.float32
    assert answer(capsys, "embed", f"{table}#1", "--model", of_rows)["embeddings"]


@pytest.mark.exhaustive
def test_a_model_of_sequences_compares_files_and_arrays(of_sequences, folder, capsys):
    verifier, values = Verifier.from_pretrained(of_sequences), profiles()[0]
    np.save(folder / "a.npy", values[0])
    verdict = verifier.verify(folder / "a.npy", values[1])
    assert verdict.distance == verifier.verify(values[1], values[0]).distance > 0
    assert verifier.draw(verifier.canonical(values[0])).dtype == np.uint8


@pytest.mark.parametrize("kind", ["rows", pytest.param("sequences", marks=pytest.mark.exhaustive)])
def test_classes_are_recognised_from_examples(kind, request, folder, capsys):
    model = request.getfixturevalue(f"of_{kind}")
    if kind == "rows":
        support, query = (
            wine_table(folder / f"{name}.csv", part)
            for name, part in (("support", slice(0, None, 9)), ("query", slice(4, None, 9)))
        )
        values, names = list(WINE.data), WINE.target_names[WINE.target]
    else:
        support, query = class_folders(folder / "support", 60), class_folders(folder / "query", 60)
        values, names = profiles()
    found = answer(capsys, "one-shot", "--support", support, "--query", query, "--model", model)
    assert len(found["results"]) == (20 if kind == "rows" else 60)
    assert found["accuracy"] > 60
    gallery = Gallery(Verifier.from_pretrained(model))
    for value, name in zip(values[:100:9], names[:100:9], strict=True):
        gallery.enrol(str(name), [value])
    assert gallery.identify(values[0]).matches[0].name == str(names[0])
    gallery.save(folder / "gallery.safetensors")
    assert Gallery.load(folder / "gallery.safetensors", gallery.verifier).names == gallery.names


def test_a_model_is_measured_on_tables_and_on_pairs_of_rows(of_rows, folder, capsys):
    table = folder / "wine.csv"
    found = answer(capsys, "evaluate", "--dataset", table, "--model", of_rows)
    sizes = np.bincount(WINE.target)
    assert found["same_pairs"] == sum(size * (size - 1) // 2 for size in sizes)
    assert found["balanced_accuracy"] > 80
    (folder / "pairs.csv").write_text("image_a,image_b,is_same\n1,2,1\n1,100,0\n5,6,1\n")
    found = answer(capsys, "evaluate", "--dataset", table, "--pairs", folder / "pairs.csv", "--model", of_rows)
    assert (found["same_pairs"], found["different_pairs"]) == (2, 1)


@pytest.mark.exhaustive
def test_a_model_is_trained_on_pairs_of_files(folder, capsys):
    values, labels = profiles(60)
    by_class = np.argsort(labels, kind="stable")
    order = np.concatenate([by_class[[*range(at, at + 3), *range(30 + at, 33 + at)]] for at in range(0, 30, 3)])
    values, labels = [values[place] for place in order], [labels[place] for place in order]
    (folder / "files").mkdir()
    for place, each in enumerate(values):
        np.save(folder / "files" / f"{place}.npy", each)
    # Of each six in a row, all pairs: three are mostly of one class, and three of another.
    ends = [(a, b) for first in range(0, 60, 6) for a in range(first, first + 6) for b in range(a + 1, first + 6)]
    rows = [f"files/{a}.npy,files/{b}.npy,{int(labels[a] == labels[b])}" for a, b in ends]
    (folder / "of_files.csv").write_text("\n".join(["image_a,image_b,is_same", *rows]))
    words = ["--pairs", str(folder / "of_files.csv"), "--output", str(folder / "of-pairs"), *QUICK]
    code = train.main(words)
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "sequences" in said.out


@pytest.mark.parametrize(
    ("kind", "noun", "columns"),
    [
        ("rows", "row", "alcohol, malic"),
        pytest.param("sequences", "sequence", "rows, columns", marks=pytest.mark.exhaustive),
    ],
)
def test_the_card_speaks_of_what_it_is_about(kind, noun, columns, request):
    card = (request.getfixturevalue(f"of_{kind}") / "README.md").read_text()
    body = card.split("\n---\n", 1)[1]
    assert f"turns a {noun} into 16 numbers" in body
    assert columns in body
    assert "image" not in body.partition("## Methods")[0]
    assert "python app.py" in body


def test_what_is_pushed_shows_no_row_and_names_no_file(of_rows):
    config = ModelFolderConfig.from_json((of_rows / "config.json").read_text())
    files = published(of_rows, config)
    assert not set(SHOW_PIXELS) & set(files)
    for name in ("config.json", "README.md"):
        assert "wine.csv" not in files[name].decode()
        assert "alcohol" in files[name].decode()


def test_beside_a_model_of_rows_the_page_offers_none_of_pictures(of_rows):
    from siamese.demo import server

    verifier, notice, others = server.load_models(str(of_rows))
    assert (verifier.name, notice, others) == ("rows", "", [])


def test_what_is_about_images_alone_says_so(of_rows, folder, digits, capsys):
    (folder / "images").mkdir()
    Image.fromarray(digits[0][0]).save(folder / "images" / "a.png")
    for words in (["find", folder / "images" / "a.png", folder / "images"], ["cluster", folder / "images"], ["export"]):
        model = [of_rows] if words[0] == "export" else ["--model", of_rows]
        assert main([str(word) for word in (*words, *model)]) == 2
        assert f"siamese {words[0]} is about images, and model rows takes vectors" in capsys.readouterr().err


MIXED = {
    "an encoder of images": (["--encoder", "compact"], "encoder compact takes images, and {} holds vectors, allowed: mlp"),
    "an encoder of sequences": (["--encoder", "gru"], "encoder gru takes sequences, and {} holds vectors, allowed: mlp"),
    "a size in px": (["--image-size", "40"], "--image-size is about images, and {} holds vectors"),
    "a length": (["--length", "40"], "--length is about sequences, and {} holds vectors"),
    "rotations": (["--rotations"], "--rotations is about images"),
    "new classes": (["--compose"], "--compose is about images"),
    "proportions": (["--aspect", "kept"], "--aspect is about images"),
}


@pytest.mark.parametrize(("words", "sentence"), MIXED.values(), ids=MIXED)
def test_what_is_about_another_kind_of_input_is_refused(folder, words, sentence, capsys):
    table = wine_table(folder / "wine.csv")
    assert train.main(["--dataset", str(table), "--output", str(folder / "never"), *words]) == 2
    assert sentence.format(table) in capsys.readouterr().err
    assert not (folder / "never").exists()


@pytest.mark.exhaustive
def test_rows_are_no_sequences(of_sequences, folder, capsys):
    assert main(["evaluate", "--dataset", str(wine_table(folder / "wine.csv")), "--model", str(of_sequences)]) == 2
    assert "takes sequences, and" in capsys.readouterr().err


def test_another_kind_of_model_is_refused(of_rows, folder, capsys):
    for words, sentence in (
        (["evaluate", "--dataset", folder / "wine.csv"], "takes images, and"),
        (["evaluate", "--dataset", "mnist-sample", "--model", of_rows], "takes vectors, and mnist-sample holds images"),
        (["compare", "a.png", "b.png", "--model", of_rows], "is no file of numbers by its name, allowed: .csv"),
    ):
        assert main([str(word) for word in words]) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.exhaustive
def test_an_interrupted_training_goes_on_to_the_same_model(folder, of_rows):
    from siamese.training.events import Ask, Interrupted
    from siamese.training.loop import train as events_of
    from siamese.training.state import TrainingState

    settings = train.settings_of(
        train.parse_arguments(["--dataset", str(folder / "wine.csv"), "--output", str(folder / "again"), *QUICK])[0]
    )
    with pytest.raises(Interrupted):
        list(events_of(settings, asked=lambda: Ask.INTERRUPT))
    list(events_of(settings, state=TrainingState.load(folder / "again", "cpu")))
    assert (folder / "again" / "model.safetensors").read_bytes() == (of_rows / "model.safetensors").read_bytes()
