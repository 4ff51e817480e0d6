"""What goes to the Hub of a model of one's own images: everything that makes the model, nothing that shows or names them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hub_fake.client import LEFT_OUT
from hub_fake.expect import contents, pushed
from hub_fake.protocol import WRITER
from model_files import linked_pictures

from siamese import Verifier
from siamese.config import DataRecord, ModelFolderConfig
from siamese.data.datasets import is_own
from siamese.export.onnx_network import read_onnx
from siamese.hub.published import HIDDEN, OWN, published, without_names, without_paths
from siamese.model_folder.files import CARD_FILE, CONFIG_FILE, ONNX_FILE, REFERENCE_FILE, WEIGHTS_FILE
from siamese.model_folder.model_card import PLOTS, SHOW_PIXELS
from siamese.model_folder.weights import load_model

NAMES = ["family", "/home/ada", "my pictures", "grandma", "aunt-mary", "at-the-beach", *(file.stem for file, _ in LEFT_OUT)]


def sent(folder: Path, **choices) -> dict[str, bytes]:
    """The files as they are sent."""
    files = published(folder, load_model(folder)[1], **choices)
    return {name: file if isinstance(file, bytes) else file.read_bytes() for name, file in files.items()}


def everything(folder: Path) -> dict[str, bytes]:
    return contents(folder) | {REFERENCE_FILE: (folder / REFERENCE_FILE).read_bytes()}


def test_of_own_images_nothing_is_sent_that_shows_or_names_one(own_folder):
    before = everything(own_folder)
    files = sent(own_folder)
    assert set(files) == set(before) - set(SHOW_PIXELS)
    for name, content in files.items():
        assert not [word for word in NAMES if word.encode() in content], name
    assert everything(own_folder) == before  # here all stays


def test_the_card_that_is_sent_refers_to_what_is_sent_alone(own_folder):
    files = sent(own_folder)
    card = files[CARD_FILE].decode()
    assert set(linked_pictures(card)) == set(PLOTS) - set(SHOW_PIXELS)
    assert "2 files were left out." in card
    assert f"`{OWN}`" in card
    assert REFERENCE_FILE in card


def test_what_is_sent_is_the_same_model(own_folder, tmp_path, digits):
    (tmp_path / "fetched").mkdir()
    for name, content in sent(own_folder).items():
        (tmp_path / "fetched" / name).write_bytes(content)
    config, original = load_model(tmp_path / "fetched")[1], load_model(own_folder)[1]
    command = f"python train.py --dataset {HIDDEN} --data-dir={HIDDEN} --epochs 3 --loss supcon --lr 1e-3"
    assert config.training.command == command
    assert config == replace(
        original, data=replace(original.data, dataset=OWN), training=replace(original.training, command=command)
    )
    taken, here = (Verifier.from_pretrained(folder) for folder in (tmp_path / "fetched", own_folder))
    assert (taken.embed([digits[0][0]]) == here.embed([digits[0][0]])).all()


def test_all_is_sent_as_it_lies_where_that_is_asked_for(own_folder):
    assert sent(own_folder, publish_pictures=True) == everything(own_folder)


@pytest.mark.parametrize("publish_pictures", [False, True])
def test_embeddings_are_left_out_on_request_and_the_card_does_not_speak_of_them(publish_pictures, own_folder):
    assert REFERENCE_FILE in (own_folder / CARD_FILE).read_text()
    files = sent(own_folder, publish_pictures=publish_pictures, without_reference=True)
    assert REFERENCE_FILE not in files
    assert not [name for name, content in files.items() if REFERENCE_FILE.encode() in content]


def test_of_a_dataset_by_name_all_is_sent_as_it_lies(folder):
    assert sent(folder) == contents(folder)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (DataRecord("mnist"), False),
        (DataRecord("omniglot", split="groups"), False),
        (DataRecord("mnist", split="classes"), True),  # a folder of that name
        (DataRecord("mnist", split="pairs"), True),
        (DataRecord("family", split="groups"), True),
        (DataRecord("uploaded-pictures", split="within"), True),
        (DataRecord(OWN), True),
    ],
)
def test_images_are_ones_own_unless_they_are_a_datasets(record, expected):
    assert is_own(record) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python train.py --dataset mnist --epochs 2", "python train.py --dataset mnist --epochs 2"),
        ("siamese train --pairs C:\\ada.csv --no-augment", "siamese train --pairs ... --no-augment"),
        ("torchrun --nproc_per_node=4 train.py --dataset=photos", "torchrun --nproc_per_node=4 train.py --dataset=..."),
        ("python train.py --data /a --outp '/b c' --split within", "python train.py --data ... --outp ... --split within"),
        ("siamese train --encoder timm/resnet18 --data /timm/x", "siamese train --encoder timm/resnet18 --data ..."),
        ("python train.py --dataset 'unbalanced", HIDDEN),
        ("", ""),
    ],
)
def test_a_command_keeps_what_says_nothing_of_its_user(command, expected):
    assert without_paths(command) == expected


# ---- At the Hub ----


def test_a_push_of_own_images_makes_a_private_repository_and_says_so(server, client, own_folder, repo):
    result = pushed(client, own_folder, repo)
    assert server.repositories[repo].private
    stored = server.files(repo)
    assert stored.pop(".gitattributes")
    assert stored == sent(own_folder)
    assert server.repositories[repo].messages[-1] == f"99.72% balanced pair accuracy on {OWN}"
    assert f"{repo} is private" in result["text"]
    assert "not sent: pictures" in result["text"]
    before = len(server.repositories[repo].messages)
    assert pushed(client, own_folder, repo)["commit"] == result["commit"]
    assert len(server.repositories[repo].messages) == before


def test_public_makes_it_public_and_says_so(server, client, own_folder, repo):
    assert f"{repo} is public" in pushed(client, own_folder, repo, public=True)["text"]
    assert not server.repositories[repo].private
    assert set(SHOW_PIXELS).isdisjoint(server.files(repo))
    assert f"{repo} is public" in pushed(client, own_folder, repo)["text"]  # what is there stays as it is
    result = client.call("push_folder", own_folder, repo, private=True, public=True)
    assert "private or public, not both" in result["message"]


@pytest.mark.parametrize("revision", [None, "trial"])
def test_a_push_takes_away_what_an_earlier_one_has_published(revision, server, client, own_folder, repo):
    first = pushed(client, own_folder, repo, revision=revision, publish_pictures=True)
    assert "not sent" not in first["text"]
    files = server.files(repo, revision or "main")
    assert {name: files[name] for name in everything(own_folder)} == everything(own_folder)
    second = pushed(client, own_folder, repo, revision=revision, without_reference=True)
    left = server.files(repo, revision or "main")
    assert not {*SHOW_PIXELS, REFERENCE_FILE} & set(left)
    assert left[WEIGHTS_FILE] == files[WEIGHTS_FILE]
    assert not [name for name, content in left.items() if b"grandma" in content]
    for name in (*SHOW_PIXELS, REFERENCE_FILE):
        assert name in second["text"]
    assert "earlier commits still hold them" in second["text"]
    assert "deleted there" not in pushed(client, own_folder, repo, revision=revision, without_reference=True)["text"]


@pytest.mark.exhaustive
def test_as_onnx_it_is_the_same_model_that_names_no_more_and_goes_with_a_push_that_lacks_it(
    server, client, own_folder, repo, digits
):
    for library in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(library, reason="ONNX is an extra")
    first = pushed(client, own_folder, repo, onnx=True)
    stored = server.files(repo)
    assert not [word for word in NAMES if word.encode() in stored[ONNX_FILE]]
    assert f"`{ONNX_FILE}`" in stored[CARD_FILE].decode()
    network, config, reference = read_onnx(stored[ONNX_FILE])
    own, images = Verifier.from_pretrained(own_folder), digits[0][:9]
    assert config == ModelFolderConfig.from_json(stored[CONFIG_FILE].decode())
    assert np.array_equal(reference.embeddings, own.reference.embeddings)
    assert network.embed_alike(images)[0] == pytest.approx(own.embed_canonical(images), abs=1e-5)
    assert pushed(client, own_folder, repo, onnx=True)["commit"] == first["commit"]  # the same bytes
    assert f"deleted there: {ONNX_FILE} of an earlier push; --onnx sends it" in pushed(client, own_folder, repo)["text"]
    left = server.files(repo)
    assert ONNX_FILE not in left
    assert ONNX_FILE not in left[CARD_FILE].decode()


def test_what_is_published_loads_from_the_hub(client, own_folder, repo):
    commit = pushed(client, own_folder, repo)["commit"]
    folder, _ = client.call("fetch_model", repo, commit, token=WRITER)["value"]
    assert ModelFolderConfig.from_json((Path(folder) / CONFIG_FILE).read_text()).data.dataset == OWN


@pytest.mark.parametrize("is_public", [True, False])
def test_a_dataset_of_the_hub_keeps_its_name_where_everybody_may_read_it(is_public):
    data = DataRecord("ada/signs", split="classes", revision="0123456789" * 4, is_public=is_public)
    found = without_names(ModelFolderConfig(data=data)).data
    assert (found.dataset, found.revision) == (("ada/signs", data.revision) if is_public else (OWN, ""))
