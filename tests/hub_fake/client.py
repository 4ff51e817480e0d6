"""A process that calls siamese.hub against the Hub at one address, as a user's program would.

The client library reads its environment when it is imported, so tests cannot point the process that they run in at a server
of theirs. Run as a script, this module reads calls from stdin, makes each in a thread, and writes what came of it to stdout.
"""

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 3  # s that a client waits for an answer that does not come, where a test says so, instead of minutes


def environment(endpoint: str, home: Path, token: str = "", **more: str) -> dict[str, str]:
    """The variables of a process that knows no Hub but the one at `endpoint`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1"}
    return {**ours, **settings, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "NO_PROXY": "*", **more}


LEFT_OUT = [(Path("ada-at-the-beach.jpg"), "the same image as /home/ada/family/ada/1.jpg"), (Path("grandma.png"), "blank")]


def make_own_folder(folder: Path) -> None:
    """The same of images of somebody's own, whose folder, card, plots and embeddings tell of them."""
    import numpy as np

    from siamese.config import DataRecord, TrainingRecord
    from siamese.model_folder.reference import choose_reference, save_reference
    from siamese.model_folder.weights import load_model

    command = "python train.py --dataset /home/ada/family --data-dir='my pictures' --epochs 3 --loss supcon --lr 1e-3"
    data = DataRecord("family", 5, 3, 9, split="classes", left_out=2)
    make_model_folder(folder, 0, data, TrainingRecord(command), LEFT_OUT, make_doubtful())
    network, config = load_model(folder)
    side = config.encoder.image_size
    images = np.random.default_rng(0).integers(0, 255, (9, side, side), np.uint8)
    save_reference(choose_reference(network, images, None, data.split), network, folder)


def make_doubtful():
    """A picture that disagrees with its class, and the names of both."""
    import numpy as np

    from siamese.model_folder.doubtful import Doubtful, DoubtfulImage

    black = np.zeros((8, 8), np.uint8)
    shown = DoubtfulImage("grandma/ada-at-the-beach.png", "grandma", "aunt-mary", 1.5, 0.25, (black, black))
    return Doubtful(1, 9, (shown,))


def make_model_folder(folder: Path, seed: int = 0, data=None, training=None, left_out=(), doubtful=None) -> None:
    """A complete model folder without a training: random weights, a card, small plots."""
    import torch
    from PIL import Image

    from siamese.config import DataRecord, EncoderConfig, Metrics, ModelFolderConfig, TrainingRecord
    from siamese.model_folder import files
    from siamese.model_folder import model_card as card
    from siamese.model_folder.weights import save_weights
    from siamese.network import SiameseNetwork

    torch.manual_seed(seed)
    metrics = Metrics(balanced_accuracy=99.724)
    config = ModelFolderConfig(
        encoder=EncoderConfig(embedding_dim=8), data=data or DataRecord("mnist"), training=training or TrainingRecord(),
        metrics=metrics,
    )  # fmt: skip
    save_weights(SiameseNetwork(config.encoder), folder / files.WEIGHTS_FILE)
    files.write_text(folder / files.CONFIG_FILE, config.to_json())
    files.write_text(folder / files.CARD_FILE, card.render_card(config, left_out, doubtful=doubtful))
    files.write_text(folder / files.METRICS_FILE, "{}\n")
    for number, name in enumerate((*card.PLOTS, card.DOUBTFUL_PICTURE)):
        Image.new("L", (20, 20 + number), seed).save(folder / name)


def run(arguments: list, variables: dict[str, str]) -> subprocess.CompletedProcess:
    """python -m siamese, as a program."""
    command = [sys.executable, "-m", "siamese", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120)


class HubClient:
    """The process. A call gives {"value": ..., "seconds": s}, or {"error": names of types, "message": ..., "seconds": s}."""

    def __init__(self, endpoint: str, home: Path, wrapper: Sequence[str] = (), **more: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.errors_path = home, home / "stderr.txt"
        self.pending: dict[int, Future] = {}
        self.numbers = count()
        with self.errors_path.open("w") as errors:
            self.process = subprocess.Popen(
                [*wrapper, sys.executable, __file__], cwd=home, env=environment(endpoint, home, **more), text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, name: str, *arguments, token: str = "", **options) -> Future:
        """Begin a call. The token is for the whole process: calls at the same time share one."""
        number = next(self.numbers)
        self.pending[number] = future = Future()
        arguments = [str(argument) if isinstance(argument, Path) else argument for argument in arguments]
        print(json.dumps([number, name, arguments, options, token]), file=self.process.stdin, flush=True)
        return future

    def call(self, name: str, *arguments, token: str = "", **options) -> dict:
        """A call, and what came of it."""
        return self.start(name, *arguments, token=token, **options).result(120)

    def output(self) -> str:
        """What the process has written to stderr so far."""
        return self.errors_path.read_text()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)

    def _listen(self) -> None:
        for line in self.process.stdout:
            answer = json.loads(line)
            self.pending.pop(answer.pop("number")).set_result(answer)
        for future in self.pending.values():
            future.set_exception(RuntimeError(f"the client ended: {self.output()[-2000:]}"))


def embed(source: str, revision: str | None, image: str) -> str:
    """The embedding of an image, as hexadecimal digits."""
    from siamese import Verifier

    return Verifier.from_pretrained(source, revision).embed([image]).tobytes().hex()


def images(dataset: str, **choices) -> dict:
    """What a dataset of the Hub is: its classes with the digests of their images, or the rows of its pairs."""
    from siamese.commands.image_flags import fetched
    from siamese.data.class_tree import read_tree
    from siamese.data.own_images import HubChoices, own_images
    from siamese.data.pairs import list_pairs

    choices = HubChoices(**choices)
    own = own_images(fetched(dataset, choices), choices)
    if own.are_pairs:
        return {"pairs": [(digest(a), digest(b), is_same) for _, a, b, is_same in list_pairs(own.place)]}
    tree = read_tree(own.place, own.layout)
    classes = {name: [digest(file) for file in files] for name, files in tree.classes.items()}
    unread = [(file.name, reason) for file, reason in tree.unread]
    return {"classes": classes, "parts": tree.parts, "unread": unread, "remarks": tree.remarks, "commit": own.commit}


def train(dataset: str, output: str, **options) -> None:
    """Train on a folder or a dataset of the Hub; the command itself wants the main thread, for signals."""
    from siamese.commands.image_flags import fetched
    from siamese.data.own_images import ANYTHING
    from siamese.training import loop
    from siamese.training.settings import TrainingSettings

    settings = TrainingSettings(dataset=fetched(dataset, ANYTHING), output=Path(output), device="cpu", **options)
    for _ in loop.train(settings):
        pass


def split(dataset: str) -> str:
    """A digest of the images and labels of training, validation and test."""
    from siamese.commands.image_flags import fetched
    from siamese.config import EncoderConfig, PreprocessConfig
    from siamese.data.own_images import ANYTHING
    from siamese.data.splits import load_splits
    from siamese.training.fingerprint import fingerprint_split
    from siamese.training.settings import TrainingSettings, fill_in

    settings = fill_in(TrainingSettings(fetched(dataset, ANYTHING)))
    preprocess, encoder = PreprocessConfig(settings.preprocess), EncoderConfig(image_size=settings.image_size)
    shares = (settings.validation_share, settings.test_share)
    return fingerprint_split(load_splits(settings.own, "", preprocess, encoder, settings.split, *shares, False, 0))


def digest(file: Path) -> str:
    """Of the content of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def command(name: str, *arguments: str) -> dict:
    """A command of `siamese`: its exit code, and what it wrote to stdout and stderr."""
    import importlib

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = importlib.import_module(f"siamese.commands.{name}").main(list(arguments))
        except SystemExit as ended:
            code = ended.code
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def serve() -> None:
    from siamese.hub import client, fetch, push

    modules = (client, fetch, push)
    writing = threading.Lock()

    def set_constants(**constants) -> None:
        for name, value in constants.items():
            (module,) = (module for module in modules if name in vars(module))
            setattr(module, name, value)

    def answer(number: int, name: str, arguments: list, options: dict) -> None:
        started = time.perf_counter()
        try:
            ours = {
                "embed": embed,
                "set": set_constants,
                "images": images,
                "command": command,
                "train": train,
                "split": split,
            }
            called = ours.get(name) or next(getattr(module, name) for module in modules if hasattr(module, name))
            result = {"value": called(*arguments, **options)}
        except Exception as error:
            result = {"error": [kind.__name__ for kind in type(error).__mro__], "message": str(error)}
        seconds = time.perf_counter() - started
        with writing:  # lines of two threads would mix
            print(json.dumps({"number": number, "seconds": seconds, **result}, default=to_plain), flush=True)

    for line in sys.stdin:
        number, name, arguments, options, token = json.loads(line)
        os.environ["HF_TOKEN"] = token
        threading.Thread(target=answer, args=(number, name, arguments, options)).start()


def to_plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else {**vars(value), "text": str(value)}


if __name__ == "__main__":
    serve()
