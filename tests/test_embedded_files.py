"""Many files: their embeddings are those of the Verifier, and what is interrupted or killed goes on."""

import os

import numpy as np
import pytest
from PIL import Image

from siamese import embedded_files
from siamese.embedded_files import UnfinishedEmbeddings, embed_files, joined


@pytest.fixture
def files(digit_folder) -> list:
    """28 digits, and one file that is no picture."""
    (digit_folder / "digit 3" / "broken.png").write_text("no picture")
    return sorted(path for path in digit_folder.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    monkeypatch.setattr(embedded_files, "AT_ONCE", 8)


def test_embeddings_have_the_bits_of_the_verifier_in_the_order_of_the_files(files, verifier):
    found = embed_files(verifier, files)
    assert found.files == [file for file in files if file.name != "broken.png"]
    np.testing.assert_array_equal(found.embeddings, verifier.embed(found.files))
    assert [file.name for file, _ in found.left_out] == ["broken.png"]
    assert "is not an image" in found.left_out[0][1]
    assert found.thumbnails.shape == (28, 24, 24)


def test_a_part_of_which_nothing_can_be_read_is_left_out(tmp_path, verifier):
    files = [tmp_path / f"{number}.png" for number in range(10)]
    for file in files:
        file.write_text("no picture")
    found = embed_files(verifier, files)
    assert (found.files, len(found.embeddings), len(found.left_out)) == ([], 0, 10)


def test_what_was_interrupted_goes_on_and_nothing_is_done_twice(files, verifier, tmp_path, monkeypatch):
    read = []

    def interrupted(verifier, missing, progress):
        for part in in_parts(verifier, missing, progress):
            if len(read) == 2:
                raise KeyboardInterrupt
            read.append(part)
            yield part

    in_parts = embedded_files._in_parts
    monkeypatch.setattr(embedded_files, "_in_parts", interrupted)
    with UnfinishedEmbeddings(tmp_path / "kept", verifier) as unfinished, pytest.raises(KeyboardInterrupt):
        unfinished.add(files)
    monkeypatch.undo()
    with UnfinishedEmbeddings(tmp_path / "kept", verifier) as unfinished:
        assert unfinished.add(files) == 16
        found = unfinished.of(files)
        np.testing.assert_array_equal(found.embeddings, verifier.embed(found.files))
        assert [file.name for file, _ in found.left_out] == ["broken.png"]


@pytest.mark.parametrize("damage", ["half a row", "a row too many", "half an embedding", "another model", "no rows"])
def test_what_a_killed_process_left_is_taken_as_far_as_it_is_whole(damage, files, verifier, bundled, tmp_path):
    folder = tmp_path / "kept"
    with UnfinishedEmbeddings(folder, bundled if damage == "another model" else verifier) as unfinished:
        unfinished.add(files[:20])
    rows, embeddings = folder / "rows.jsonl", folder / "embeddings.f32"
    if damage == "half a row":
        rows.write_bytes(rows.read_bytes()[:-10])
    elif damage == "a row too many":
        os.truncate(embeddings, embeddings.stat().st_size - 4 * verifier.config.encoder.embedding_dim)
    elif damage == "half an embedding":
        os.truncate(embeddings, embeddings.stat().st_size - 5)
    elif damage == "no rows":
        rows.write_bytes(b"")
    with UnfinishedEmbeddings(folder, verifier) as unfinished:
        done = unfinished.add(files)
        # The row of the file that is no picture is the last of its part, behind that of the last embedding.
        assert done == {"half a row": 19, "a row too many": 18, "half an embedding": 18}.get(damage, 0)
        found = unfinished.of(files)
        np.testing.assert_array_equal(found.embeddings, verifier.embed(found.files))


def test_a_picture_that_has_changed_is_read_again(files, verifier, tmp_path):
    with UnfinishedEmbeddings(tmp_path / "kept", verifier) as unfinished:
        unfinished.add(files)
        before = unfinished.of(files).embeddings.copy()
        Image.open(files[-1]).resize((56, 56)).save(files[0])
        assert unfinished.add(files) == len(files) - 1
        found = unfinished.of(files)
        np.testing.assert_array_equal(found.embeddings, verifier.embed(found.files))
        assert (found.embeddings[0] != before[0]).any()
        assert (found.embeddings[1:] == before[1:]).all()


def test_two_processes_do_not_write_into_one_folder(verifier, tmp_path):
    with (
        UnfinishedEmbeddings(tmp_path / "kept", verifier),
        pytest.raises(ValueError, match=r"process \d+ on .* writes embeddings into"),
        UnfinishedEmbeddings(tmp_path / "kept", verifier),
    ):
        pass


def test_the_shares_of_several_processes_are_joined_in_their_order(files, verifier, tmp_path):
    parts = []
    for number, share in enumerate((files[:3], [], files[3:])):
        with UnfinishedEmbeddings(tmp_path / str(number), verifier) as unfinished:
            unfinished.add(share)
            parts.append(unfinished.of(share))
    found = joined(parts, tmp_path)
    assert found.files == [file for file in files if file.name != "broken.png"]
    assert [file.name for file, _ in found.left_out] == ["broken.png"]
    np.testing.assert_array_equal(found.embeddings, verifier.embed(found.files))
