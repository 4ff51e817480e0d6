"""The model card: the same numbers as config.json, and all that it names is there."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from model_files import linked_pictures
from PIL import Image

from siamese.config import SPLITS, DataRecord, LossConfig, ModelFolderConfig
from siamese.encoders import ENCODERS
from siamese.losses import LOSSES
from siamese.model_folder.files import BUNDLED_WEIGHTS
from siamese.model_folder.model_card import DOUBTFUL_PICTURE, LEFT_OUT_SHOWN, MODEL_PLACEHOLDER, PLOTS, render_card
from siamese.model_folder.weights import load_model


@pytest.fixture(scope="module")
def config(trained_folder) -> ModelFolderConfig:
    return load_model(trained_folder)[1]


@pytest.fixture(scope="module")
def card(trained_folder) -> str:
    return (trained_folder / "README.md").read_text(encoding="utf-8")


def table_rows(card: str) -> list[list[str]]:
    """The cells of every line of the card's tables."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line.startswith("|")]


def rounded_as_shown(shown: str, value: float) -> bool:
    """Whether `shown` is `value` with as many decimals as it has."""
    decimals = len(shown.partition(".")[2])
    return shown == f"{value:.{decimals}f}"


# ---- The card ----


def test_the_card_is_rendered_from_the_config_but_for_the_images_that_disagree(card, config):
    start, end = card.index(" images are nearer to another class"), card.index('src="disagreeing.png"')
    start, end = card.rindex("\n\n", 0, start) + 1, card.index("\n", end) + 1
    assert card[:start] + card[end:] == render_card(config)
    sources = re.findall(r"^\| (training|test) (\d+) \| (\d) \| (\d) \| [\d.]+ \| [\d.]+ \|$", card, re.M)
    assert len(sources) == len(set(sources)) == 20
    assert all(int(number) < (2000 if part == "training" else 1000) and own != like for part, number, own, like in sources)


@pytest.mark.parametrize("name", ["digits", "glyphs"])
def test_the_cards_of_the_bundled_models_are_what_todays_code_renders(name):
    card = (BUNDLED_WEIGHTS / name / "README.md").read_text(encoding="utf-8")
    left_out = [(Path(file), reason) for file, reason in re.findall(r"^    ([^ ]+\.png): (.+)$", card, re.M)]
    config = ModelFolderConfig.from_json((BUNDLED_WEIGHTS / name / "config.json").read_text(encoding="utf-8"))
    assert len(left_out) == min(config.data.left_out, LEFT_OUT_SHOWN)
    assert render_card(config, left_out) == card


@pytest.mark.parametrize("name", LOSSES)
def test_the_card_cites_the_source_of_its_loss(name, config):
    methods = render_card(dataclasses.replace(config, loss=LossConfig(name))).partition("## Methods")[2]
    assert LOSSES[name].citation[1:] in methods


@pytest.mark.parametrize("name", ENCODERS)
def test_the_card_cites_the_source_of_its_encoder(name, config):
    encoder = dataclasses.replace(config.encoder, name=name)
    methods = render_card(dataclasses.replace(config, encoder=encoder)).partition("## Methods")[2]
    assert ENCODERS[name].citation[1:] in methods


@pytest.mark.parametrize(("loss", "author"), [("contrastive", "Hadsell"), ("supcon", "Khosla"), ("bce", None)])
def test_the_card_cites_what_made_the_model_and_nothing_else(loss, author, config):
    methods = render_card(dataclasses.replace(config, loss=LossConfig(loss))).partition("## Methods")[2]
    assert {name for name in ("Hadsell", "Khosla", "Schroff", "Santoro") if name in methods} == ({author} - {None})
    assert "Platt" in methods


@pytest.mark.parametrize("split", SPLITS)
def test_a_card_fits_every_way_to_split(split, config):
    """No field of the template stays unfilled, and what others wrote is no template."""
    data = DataRecord("a {b} `c`", 3, 10, 50, 100, 10, 20, split, 4, 5, pairs=7, validation_groups=2, test_groups=1)
    text = render_card(dataclasses.replace(config, data=data), [(Path("{x}.png"), "{training}")])
    assert "{" not in text.replace("a {b}", "").partition("```bibtex")[0]
    assert f"(seed {config.training.seed})" in text.replace("\n", " ")


def test_every_number_of_the_results_is_that_of_the_config(card, config):
    rows = [row for row in table_rows(card) if len(row) == 3]
    cells = {row[0]: re.findall(r"[\d.]*\d", row[1]) for row in rows}
    intervals = {row[0]: re.findall(r"[\d.]*\d", row[2]) for row in rows}
    metrics = config.metrics
    expected = {
        "different pairs accepted": metrics.false_accept_rate,
        "same pairs rejected": metrics.false_reject_rate,
        "equal error rate": metrics.equal_error_rate,
        "ROC-AUC": metrics.roc_auc,
        "same pairs accepted at 1% false accepts": metrics.tar_at_far_1,
        "same pairs accepted at 0.1% false accepts": metrics.tar_at_far_01,
    }
    for label, value in expected.items():
        assert rounded_as_shown(cells[label][0], value), label
    (error,) = (shown[0] for label, shown in cells.items() if label.startswith("calibration error"))
    assert rounded_as_shown(error, metrics.calibration_error)
    (accuracy,) = cells["balanced pair accuracy"]
    assert rounded_as_shown(accuracy, metrics.balanced_accuracy)
    assert len(accuracy.partition(".")[2]) == 2
    for label, name in {
        "balanced pair accuracy": "balanced_accuracy",
        "different pairs accepted": "false_accept_rate",
        "same pairs rejected": "false_reject_rate",
    }.items():
        low, high = intervals[label]
        assert rounded_as_shown(low, getattr(metrics, f"{name}_low"))
        assert rounded_as_shown(high, getattr(metrics, f"{name}_high"))


def test_pictures_and_results_come_first_and_the_epochs_are_folded_away(card):
    places = [
        card.index(text) for text in ("count for half each.", "<img", "## Results", "## Use", "## Data", "## How it was")
    ]
    assert places == sorted(places)
    shown = re.sub(r"<details>.*?</details>", "", card, flags=re.S)
    assert "| EER % |" in card
    assert "| EER % |" not in shown
    assert linked_pictures(shown) == linked_pictures(card)


def test_the_training_log_of_the_card_is_the_history(card, config):
    shown = [row for row in table_rows(card) if len(row) == 6 and row[0].isdigit()]
    assert len(shown) == len(config.history)
    for row, record in zip(shown, config.history, strict=True):
        values = (record.loss, record.balanced_accuracy, record.equal_error_rate, record.roc_auc, record.seconds)
        assert row[0] == str(record.epoch)
        assert all(map(rounded_as_shown, row[1:], values))


def test_the_card_says_how_to_make_the_model_again(card, config):
    assert f"\n```\n{config.training.command}\n```\n" in card
    cells = {row[0]: row[1] for row in table_rows(card) if len(row) == 2}
    assert cells["seed"] == str(config.training.seed)
    assert f"{config.training.parameters:,} parameters" in cells["encoder"]
    assert cells["PyTorch"] == torch.__version__
    images = {row[0]: row[1] for row in table_rows(card) if len(row) == 3}
    assert images["training"] == f"{config.data.training_images:,}"
    assert images["validation"] == f"{config.data.validation_images:,}"
    assert images["test"] == f"{config.data.test_images:,}"
    assert f"{config.data.smallest_class:,} to {config.data.largest_class:,} images each" in card


def test_the_metadata_is_what_the_hub_reads(card, config):
    data = ModelCard(card).data
    results = {result.metric_type: result.metric_value for result in data.eval_results}
    assert set(results) == {
        "balanced_accuracy", "false_accept_rate", "false_reject_rate", "equal_error_rate", "roc_auc", "tar_at_far_1",
        "tar_at_far_01", "calibration_error",
    }  # fmt: skip
    for name, value in results.items():
        assert value == pytest.approx(getattr(config.metrics, name), abs=1e-5)
    assert data.datasets == ["ylecun/mnist"]
    assert data.license == "mit"
    assert data.library_name == "siamese"
    assert "siamese-network" in data.tags


def test_only_mnist_is_named_as_a_dataset_of_the_hub(config):
    own = dataclasses.replace(config, data=DataRecord("/home/me/holiday photos", 3, 10, 50, 100, 10, 20))
    text = render_card(own)
    assert ModelCard(text).data.datasets is None
    assert "/home/me/holiday photos" in text


def test_seen_and_unseen_classes_stand_side_by_side(config):
    assert "unseen classes" not in render_card(config)
    seen = dataclasses.replace(config.metrics, balanced_accuracy=99.25, balanced_accuracy_low=98.5, roc_auc=0.75)
    data = DataRecord("mine", split="classes", test_classes=7, test_images=70, seen_classes=5, seen_images=10)
    card = render_card(dataclasses.replace(config, data=data, seen=seen))
    cells = {row[0]: row[1:] for row in table_rows(card) if len(row) == 3}
    assert cells["classes"] == ["7", "5"]
    assert cells["images"] == ["70", "10"]
    unseen, shown = (re.findall(r"[\d.]+", cell) for cell in cells["balanced pair accuracy, %"])
    for texts, metrics in ((unseen, config.metrics), (shown, seen)):
        values = (metrics.balanced_accuracy, metrics.balanced_accuracy_low, metrics.balanced_accuracy_high)
        assert all(map(rounded_as_shown, texts, values))
    assert cells["area under the ROC curve"] == [f"{config.metrics.roc_auc:.6f}", "0.750000"]
    assert cells["seen classes"] == ["10", "the comparison above"]


def test_a_rate_of_false_accepts_that_the_pairs_do_not_support_is_refused(config):
    few = dataclasses.replace(config.metrics, different_pairs=2000, tar_at_far_01=None)
    card = render_card(dataclasses.replace(config, metrics=few))
    cells = {row[0]: row[1] for row in table_rows(card) if len(row) == 3}
    assert cells["same pairs accepted at 0.1% false accepts"] == "not supported by 2,000 different pairs"
    assert cells["same pairs accepted at 1% false accepts"] == f"{few.tar_at_far_1:.2f}%"
    assert "and the test has 10 classes" in card
    assert "tar_at_far_01" not in {result.metric_type for result in ModelCard(card).data.eval_results}


def test_what_has_no_interval_says_why_in_its_place(config):
    """Two classes: no end of an interval is known, and config.json holds null."""
    rates = ("balanced_accuracy", "false_accept_rate", "false_reject_rate")
    ends = dict.fromkeys(f"{name}_{end}" for name in rates for end in ("low", "high"))
    few = dataclasses.replace(config.metrics, **ends, false_accept_rate=0.0)
    data = DataRecord("mine", split="classes", test_classes=2, seen_classes=5)
    own = dataclasses.replace(config, data=data, metrics=few, seen=few)
    assert ModelFolderConfig.from_json(own.to_json()) == own
    assert '"balanced_accuracy_low": null' in own.to_json()
    rows = {row[0]: row[1:] for row in table_rows(render_card(own)) if len(row) == 3}
    assert rows["balanced pair accuracy"][1] == "no interval: too few test classes"
    assert rows["different pairs accepted"][1] == "no interval: all pairs are judged rightly"
    cell = f"{few.balanced_accuracy:.2f} (no interval: too few test classes)"
    assert rows["balanced pair accuracy, %"] == [cell, cell]


def test_the_margin_is_stated_where_the_loss_has_one(config):
    triplet = dataclasses.replace(config, loss=LossConfig("triplet", 0.75))
    assert "| loss | triplet (margin 0.75) |" in render_card(triplet)
    assert "margin" not in render_card(dataclasses.replace(config, loss=LossConfig("bce")))


def test_every_linked_picture_is_there_and_not_empty(card, trained_folder):
    linked = linked_pictures(card)
    assert sorted(linked) == sorted([*PLOTS, DOUBTFUL_PICTURE])
    for name in linked:
        with Image.open(trained_folder / name) as picture:
            assert picture.format == "PNG"
            assert len(picture.convert("L").getcolors()) > 10


def test_the_program_on_the_card_runs(card, trained_folder, digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, digit in zip(("a.png", "b.png"), digits[0], strict=False):
        Image.fromarray(digit).save(tmp_path / name)
    program, _ = re.findall(r"```python\n(.*?)```", card, re.DOTALL)  # the other one needs a running demo
    exec(program.replace(MODEL_PLACEHOLDER, str(trained_folder)), {})
    assert re.fullmatch(r"(True|False) [\d.e-]+ [\d.]+\n", capsys.readouterr().out)


@pytest.mark.parametrize("split", ["classes", "within"])
def test_a_dataset_of_the_hub_is_named_with_its_commit_and_its_own_parts(split, config):
    commit = "0123456789" * 4
    data = dataclasses.replace(config.data, dataset="ada/signs", revision=commit, split=split, has_own_parts=True)
    card = render_card(dataclasses.replace(config, data=data))
    metadata = ModelCard(card).data
    assert metadata.datasets == ["ada/signs"]
    assert {result.dataset_revision for result in metadata.eval_results} == {commit}
    assert f"`ada/signs`: a dataset of the Hugging Face Hub, at commit `{commit}`." in card
    assert "Training and test are the parts that the dataset comes" in card
    assert "random" not in card.split("## Data")[1].split("## How")[0]
