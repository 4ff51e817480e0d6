"""What the tests share: real digits, and models trained for a moment by the real train.py.

Nothing here needs a network. SIAMESE_TEST_DATA, where it is set, names a torchvision root that holds the full MNIST.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run in several processes; before torch comes, which reads it once

import numpy as np
import pytest
import torchvision
from app_fixtures import App, running_app
from filelock import FileLock
from gradio_client import Client
from hub_fake.server import HubServer
from hypothesis import settings
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # train.py lies beside the package

from siamese import Verifier
from siamese.commands import train
from siamese.config import EncoderConfig, ModelFolderConfig
from siamese.data.datasets.mnist import load_sample_digits
from siamese.encoders import ENCODERS
from siamese.losses import LOSSES
from siamese.model_folder.files import CONFIG_FILE, WEIGHTS_FILE, write_text
from siamese.model_folder.weights import save_weights
from siamese.network import SiameseNetwork

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_LOSS = train.build_parser().get_default("loss")

pytest_plugins = ["browser_fixtures"]

settings.register_profile("siamese", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("siamese")
np.set_printoptions(threshold=20)  # or a failure prints all the digits

# Files that take long begin first, or one worker would be left with them at the end; the models of `any_folder` are first
# made by one worker, and wanted by another only later.
LONGEST_FIRST = (
    "end_to_end/test_browser_train.py", "end_to_end/test_looks.py", "model_folder/test_write.py", "hub/test_push.py",
    "end_to_end/test_browser.py", "training/test_distributed.py", "hub/test_spaces.py", "hub/test_jobs.py",
    "end_to_end/test_app.py", "end_to_end/test_browser_tabs.py", "commands/test_train.py", "visitors/test_workspace.py",
    "end_to_end/test_wheel.py", "end_to_end/test_train_push.py", "end_to_end/test_train_pairs.py",
    "end_to_end/test_abuse.py", "end_to_end/test_hostile_archives.py", "hub/test_fetch.py",
)  # fmt: skip
LAST = ("test_verifier.py",)

SHORT_TRAINING = ("--dataset", "mnist-sample", "--device", "cpu", "--batch-size", "64", "--epochs", "3")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many tests wait for a browser, a server or a limit of time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files."""
    folder = Path(__file__).parent
    ranks = {folder / name: rank for rank, name in enumerate(LONGEST_FIRST, -len(LONGEST_FIRST))}
    ranks |= {folder / name: 1 for name in LAST}
    items.sort(key=lambda item: ranks.get(item.path, 0))


# What a run that is to find every fault must have: libraries, also optional ones, and Chromium.
LACKING = re.compile(r"could not import|not installed|\bextra\b|no Chromium")


def _not_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Have a skip for something that is lacking fail where CI is set, or nobody would see that nothing was tested."""
    reason = str(report.longrepr[2]) if report.skipped and isinstance(report.longrepr, tuple) else ""
    if os.environ.get("CI") and LACKING.search(reason):
        report.outcome, report.longrepr = "failed", f"in CI nothing may be lacking: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """See _not_in_ci."""
    report = yield
    _not_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """See _not_in_ci; of a whole file."""
    report = yield
    _not_in_ci(report)
    return report


def made_once(shared: Path, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name`, which `make` fills for all workers of a run; the first one that wants it does."""
    folder = shared / f"made-{name}" / name
    with FileLock(shared / f"{name}.lock"):
        if not folder.parent.exists():
            folder.parent.mkdir()
            make(folder)
            (shared / f"made-{name}.done").touch()
    assert (shared / f"made-{name}.done").exists(), "another worker has failed to make it"
    return folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all workers of this run have in common."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture
def hub_server() -> Iterator[HubServer]:
    """A Hub on loopback that holds nothing."""
    server = HubServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of train.py, from which the commands run."""
    return ROOT


@pytest.fixture(scope="session")
def short_training() -> list[str]:
    """The arguments of train.py that made `trained_folder`, --output aside."""
    return list(SHORT_TRAINING)


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,000 test digits of MNIST, uint8 (1000, 28, 28), and their classes, 100 of each."""
    return load_sample_digits()


@pytest.fixture
def untrained_folder(tmp_path: Path) -> Path:
    """The least that can be loaded: a config and random weights of the compact encoder, 16 numbers per embedding."""
    encoder = EncoderConfig("compact", 16)
    save_weights(SiameseNetwork(encoder), tmp_path / "model" / WEIGHTS_FILE)
    write_text(tmp_path / "model" / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    return tmp_path / "model"


def train_once(shared: Path, name: str, *arguments: str) -> Path:
    def make(folder: Path) -> None:
        assert train.main([*arguments, "--output", str(folder)]) == 0

    return made_once(shared, name, make)


@pytest.fixture(scope="session")
def trained_folder(shared: Path) -> Path:
    """After a short training with the default encoder and loss: about 93% of pairs right. To be read only."""
    return train_once(shared, "model", *SHORT_TRAINING)


@pytest.fixture(scope="session")
def verifier(trained_folder: Path) -> Verifier:
    """The model of `trained_folder`."""
    return Verifier.from_pretrained(trained_folder)


SMALL_ENCODERS = ("compact", "seed")  # those that are trained with every loss; each other one, with the default loss
QUICK = (f"compact-{DEFAULT_LOSS}", "seed-bce", f"hog-{DEFAULT_LOSS}")  # what is not left out with the slow tests
SLOW = ("compact-triplet", f"residual-{DEFAULT_LOSS}")  # nor with the exhaustive
TRAINED = [f"{encoder}-{loss}" for encoder in ENCODERS for loss in (LOSSES if encoder in SMALL_ENCODERS else [DEFAULT_LOSS])]


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """How long it takes to train `name`: losses know nothing of the encoder, so one encoder meets all of them."""
    if name in QUICK:
        return []
    return [pytest.mark.slow if name in SLOW else pytest.mark.exhaustive]


@pytest.fixture(scope="session")
def few_digits(digits, shared: Path) -> Path:
    """30 images of each digit, for trainings that need not learn much."""

    def make(folder: Path) -> None:
        for label in range(10):
            (folder / f"digit {label}").mkdir(parents=True)
            for number, image in enumerate(digits[0][digits[1] == label][:30]):
                Image.fromarray(image).save(folder / f"digit {label}" / f"{number}.png")

    return made_once(shared, "few digits", make)


@pytest.fixture(scope="session", params=[pytest.param(name, marks=marks_of(name)) for name in TRAINED])
def any_folder(request: pytest.FixtureRequest, few_digits: Path, shared: Path) -> Path:
    """A model folder for each encoder and each loss, after one epoch: barely trained, yet every property must hold."""
    encoder, _, loss = request.param.partition("-")
    choices = ["--epochs", "1", "--encoder", encoder, "--loss", loss]
    return train_once(shared, request.param, "--dataset", str(few_digits), "--device", "cpu", *choices)


@pytest.fixture(scope="session")
def any_verifier(any_folder: Path) -> Verifier:
    """The models of `any_folder`."""
    return Verifier.from_pretrained(any_folder)


@pytest.fixture(scope="session")
def bundled_folder() -> Path:
    """The weights that ship with the package."""
    return ROOT / "siamese" / "weights" / "digits"


@pytest.fixture(scope="session")
def bundled(bundled_folder: Path) -> Verifier:
    """The model of `bundled_folder`."""
    return Verifier.from_pretrained(bundled_folder)


@pytest.fixture
def digit_folder(digits, tmp_path) -> Path:
    """Four images each of the digits 0 to 6, as files of several formats."""
    for label in range(7):
        for number, image in enumerate(digits[0][digits[1] == label][:4]):
            path = tmp_path / "digits" / f"digit {label}" / f"{number}.{('png', 'bmp', 'pgm', 'tif')[number]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return tmp_path / "digits"


@pytest.fixture(scope="session")
def full_mnist_root() -> Path:
    """A torchvision root with the full MNIST; tests that need it are skipped where none is named."""
    if not os.environ.get("SIAMESE_TEST_DATA"):
        pytest.skip("SIAMESE_TEST_DATA is not set: it names a torchvision root that holds MNIST/raw")
    return Path(os.environ["SIAMESE_TEST_DATA"])


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads of MNIST go to a port of this machine where nothing listens."""
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:1/"])


@pytest.fixture(scope="module")
def served_app(tmp_path_factory) -> Iterator[App]:
    """The demo on the bundled weights; whatever the tests sent it, its log stays free of tracebacks."""
    with running_app(tmp_path_factory.mktemp("app")) as running:
        yield running
        assert "Traceback" not in running.log.read_text()


@pytest.fixture(scope="module")
def client(served_app) -> Client:
    """Gradio's client of `served_app`."""
    return Client(served_app.url, verbose=False)
