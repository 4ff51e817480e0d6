"""The bundled sample, and datasets from their files on disk and never from the network."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from dataset_files import BUILT_IN, put_omniglot, write_idx
from make_mnist_sample import draw_sample
from torchvision.datasets.utils import download_url

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.datasets import DATASETS, load_dataset
from siamese.data.datasets.base import DatasetNotAvailable, explained
from siamese.data.datasets.mnist import SAMPLE_FILE, load_mnist, load_mnist_sample


@pytest.fixture
def tiny_mnist(tmp_path: Path) -> Path:
    """A torchvision root with 30 training and 20 test digits of the sample."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for prefix, part, count in zip(("train", "t10k"), load_mnist_sample(), (30, 20), strict=True):
        write_idx(raw / f"{prefix}-images-idx3-ubyte", part.images[:count])
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", part.labels[:count])
    return tmp_path


def test_sample_is_small_and_has_as_many_of_each_digit():
    assert SAMPLE_FILE.stat().st_size < 1_000_000
    for part, per_class in zip(load_mnist_sample(), (200, 100), strict=True):
        assert part.images.shape == (10 * per_class, 28, 28)
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        assert np.bincount(part.labels).tolist() == [per_class] * 10


def test_no_digit_of_the_sample_is_in_both_parts():
    training, test = ({image.tobytes() for image in part.images} for part in load_mnist_sample())
    assert len(training) == 2000
    assert len(test) == 1000
    assert not training & test


def test_digits_that_are_there_are_never_downloaded(tiny_mnist, no_network):
    files = {path: path.read_bytes() for path in tiny_mnist.rglob("*") if path.is_file()}
    for loaded, sample, count in zip(load_mnist(tiny_mnist), load_mnist_sample(), (30, 20), strict=True):
        assert np.array_equal(loaded.images, sample.images[:count])
        assert np.array_equal(loaded.labels, sample.labels[:count])
        assert loaded.labels.dtype == np.int64
    assert files == {path: path.read_bytes() for path in tiny_mnist.rglob("*") if path.is_file()}


def test_without_data_and_network_the_error_says_what_to_do(tmp_path, no_network):
    with pytest.raises(DatasetNotAvailable, match=r"--data-dir .*MNIST/raw.* --dataset mnist-sample") as caught:
        load_mnist(tmp_path / "nowhere")
    assert isinstance(caught.value, ValueError)
    assert str(tmp_path / "nowhere") in str(caught.value)


@pytest.mark.parametrize("kept_bytes", [0, 3, 100], ids=["empty", "no header", "cut short"])
def test_damaged_files_are_a_clear_error_too(tiny_mnist, no_network, kept_bytes):
    path = tiny_mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(ValueError, match="MNIST") as caught:
        load_mnist(tiny_mnist)
    assert str(tiny_mnist) in str(caught.value)


def test_full_mnist_and_the_sample_made_from_it(full_mnist_root, no_network):
    training, test = load_mnist(full_mnist_root)
    assert (len(training), len(test)) == (60_000, 10_000)
    remade = draw_sample(full_mnist_root)
    with np.load(SAMPLE_FILE) as bundled:
        assert sorted(remade) == sorted(bundled)
        for name, values in bundled.items():
            assert values.dtype == remade[name].dtype == np.uint8
            assert np.array_equal(values, remade[name]), name


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_datasets_are_read_from_their_files_upright_with_labels_from_0(name, tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    assert not DATASETS[name].is_here(tmp_path)
    BUILT_IN[name](tmp_path)
    assert DATASETS[name].is_here(tmp_path)
    for part, sample in zip(DATASETS[name].load(tmp_path), load_mnist_sample(), strict=True):
        expected = sample.images[:40, 6:22, 6:22] if name == "usps" else sample.images[:40]
        assert np.abs(part.images.astype(int) - expected).max() <= (1 if name == "usps" else 0)
        assert part.labels.dtype == np.int64
        assert np.array_equal(part.labels, sample.labels[:40])
    preprocess = PreprocessConfig(DATASETS[name].preprocess)
    training, _ = load_dataset(name, tmp_path, preprocess, EncoderConfig())
    assert training.images.shape == (40, 28, 28)


def test_omniglot_is_read_from_its_files_with_the_alphabet_of_each_character(tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with pytest.raises(DatasetNotAvailable, match=r"cannot be downloaded: .*omniglot-py/images_background"):
        DATASETS["omniglot"].load(tmp_path)
    assert not DATASETS["omniglot"].is_here(tmp_path)
    drawings = put_omniglot(tmp_path)
    assert DATASETS["omniglot"].is_here(tmp_path)
    training, test = DATASETS["omniglot"].load(tmp_path)
    assert np.array_equal(np.concatenate([training.images, test.images]), np.stack(drawings))
    assert training.labels.tolist() == [label for label in range(12) for _ in range(8)]
    assert test.labels.tolist() == [label for label in range(6) for _ in range(8)]
    assert training.groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert test.groups.tolist() == [0, 0, 0, 1, 1, 1]
    (tmp_path / "omniglot-py" / "images_background" / "Alphabet_0" / "character0" / "0.png").write_text("no picture")
    with pytest.raises(DatasetNotAvailable, match="are damaged"):
        DATASETS["omniglot"].load(tmp_path)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_datasets_that_are_not_there_say_where_they_would_be(name, tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with pytest.raises(DatasetNotAvailable, match=r"cannot be downloaded: point --data-dir at a folder that holds"):
        DATASETS[name].load(tmp_path)


def test_unknown_dataset_lists_the_choices(tmp_path):
    with pytest.raises(ValueError, match="unknown dataset 'cats', available: .*" + ", ".join(DATASETS)):
        load_dataset("cats", tmp_path, PreprocessConfig(), EncoderConfig())


def test_datasets_come_in_the_shape_of_the_encoder(tmp_path):
    training, test = load_dataset("mnist-sample", tmp_path, PreprocessConfig(), EncoderConfig())
    assert training.images.shape == (2000, 28, 28)
    assert test.images.shape == (1000, 28, 28)
    assert np.array_equal(test.labels, load_mnist_sample()[1].labels)
    assert (training.sources[0], test.sources[-1]) == ("training 0", "test 999")


def test_a_download_draws_no_bar_into_a_log(tmp_path, monkeypatch, capfd):
    (tmp_path / "there").write_bytes(bytes(100_000))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=tmp_path)) as server:
        server.handle_error = lambda *_: None  # of a download that leaves before the end
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/there"
        with explained("MNIST", tmp_path, "MNIST/raw"):
            download_url(url, tmp_path, "here")
        assert (tmp_path / "here").stat().st_size == 100_000
        assert capfd.readouterr().err == ""
        download_url(url, tmp_path, "again")
        assert "100%" in capfd.readouterr().err  # where not, torchvision draws none any more
        server.shutdown()
