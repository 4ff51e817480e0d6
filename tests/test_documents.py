"""README.md and the documents that it leads to: short, and true where a test can say so."""

import dataclasses
import re

import pytest
from hub_fake.client import ROOT
from PIL import Image

from siamese.data.datasets import DATASETS
from siamese.demo.uploads import MEGABYTES, VARIABLE
from siamese.encoders import ENCODERS
from siamese.guard import rates
from siamese.losses import LOSSES
from siamese.visitors.limits import SWITCH, TrainingLimits

DOCUMENTS = ("README.md", "siamese/README.md", "tests/benchmarks/README.md")
MOST_WORDS = 900
MOST_BYTES = 1_000_000  # of a picture


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_readme_is_short():
    front_matter_and_code = re.compile(r"\A---\n.*?^---\n|^```.*?^```", re.M | re.S)
    assert len(front_matter_and_code.sub("", text_of("README.md")).split()) <= MOST_WORDS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name):
    headings = {}
    for target in re.findall(r"\]\(([^)]+)\)", text_of(name)):
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), target
        found = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M) if anchor else []
        headings[target] = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in found}
        assert not anchor or anchor in headings[target], target


def test_the_pictures_of_the_readme_are_small_and_described():
    pictures = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", text_of("README.md"))
    assert len(pictures) == 2
    for description, path in pictures:
        assert len(description.split()) > 5
        assert (ROOT / path).stat().st_size < MOST_BYTES
    with Image.open(ROOT / pictures[0][1]) as animation:
        assert animation.n_frames > 10


def test_every_name_that_can_be_chosen_is_in_the_interfaces():
    named = set(re.findall(r"`([^`\n]+)`", text_of("siamese/README.md")))
    assert {*DATASETS, *ENCODERS, *LOSSES} <= named


def test_the_environment_variables_have_their_defaults_in_the_interfaces():
    rows = re.findall(r"^\| `(SIAMESE_\w+)` \| .+ \| (\d+) \|$", text_of("siamese/README.md"), re.M)
    limits = {f"{SWITCH}_{each.name.upper()}": str(each.default) for each in dataclasses.fields(TrainingLimits)}
    assert dict(rows) == limits | {VARIABLE: str(MEGABYTES), rates.VARIABLE: str(rates.PER_MINUTE)}
