"""What the tests of commands share: pictures, and classes of them."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def pictures(digits, tmp_path_factory) -> dict[str, Path]:
    """Files: a digit as it is, another as a sketch of 280 px, and what is no picture of anything."""
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(digits[0][0]).save(folder / "small.png")
    Image.fromarray(255 - digits[0][1]).resize((280, 280), Image.Resampling.BICUBIC).save(folder / "sketch.jpg")
    Image.new("L", (200, 200), 255).save(folder / "blank.png")
    (folder / "notes.png").write_text("this is text")
    (folder / "cut.png").write_bytes((folder / "small.png").read_bytes()[:100])
    (folder / "empty.png").touch()
    return {path.stem: path for path in folder.iterdir()} | {"missing": folder / "missing.png", "folder": folder}


@pytest.fixture(scope="module")
def support_and_query(digits, tmp_path_factory) -> tuple[Path, Path]:
    """Two examples of each of five digits, one of them no picture; six queries each of these and of one more."""
    folder = tmp_path_factory.mktemp("one-shot")
    for label in range(6):
        for number, image in enumerate(digits[0][digits[1] == label][:8]):
            part = "support" if number < 2 else "query"
            if part == "query" or label < 5:
                path = folder / part / f"digit {label}" / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)
    (folder / "support" / "digit 0" / "broken.png").write_text("no picture")
    (folder / "query" / "digit 1" / "broken.png").write_text("no picture")
    return folder / "support", folder / "query"
