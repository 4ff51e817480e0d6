"""What the tests of exported models share: a file of each format, of the bundled digits."""

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from siamese import Verifier
from siamese.commands.export import main
from siamese.export.metadata import SUFFIXES

LIBRARIES = ("onnx", "onnxscript", "onnxruntime")


@pytest.fixture(scope="session")
def bundled() -> Verifier:
    """The bundled digits under PyTorch."""
    return Verifier.from_pretrained("digits")


@pytest.fixture(scope="session")
def exported(shared: Path) -> Callable[[str], Path]:
    """The bundled digits as a file of a format, made once for all workers of a run by the command. To be read only."""

    def make(form: str) -> Path:
        if form == "onnx":
            for library in LIBRARIES:
                pytest.importorskip(library, reason="ONNX is an extra")
        path = shared / f"exported-digits{SUFFIXES[form]}"
        with FileLock(f"{path}.lock"):
            if not path.exists():
                assert main(["digits", "--format", form, "--output", str(path)]) == 0
        return path

    return make


@pytest.fixture(scope="session")
def onnx_file(exported: Callable[[str], Path]) -> Path:
    """The bundled digits as ONNX."""
    return exported("onnx")
