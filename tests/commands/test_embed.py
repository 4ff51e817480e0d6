"""siamese embed: the embeddings of the Verifier, as JSON or in a file, and nothing where one image is no good."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import euclidean
from terminal import assert_refused, run

from siamese import Verifier, embedded_files


def test_it_prints_the_embeddings_of_the_verifier_in_the_order_of_the_files(pictures, trained_folder, verifier, capsys):
    files = [pictures["sketch"], pictures["small"], pictures["sketch"]]
    code, stdout, stderr = run(["embed", *files, "--model", trained_folder], capsys)
    assert (code, stderr) == (0, "")
    answer = json.loads(stdout)
    assert list(answer) == ["model", "files", "embeddings"]
    assert answer["model"] == verifier.name
    assert answer["files"] == [str(file) for file in files]
    embeddings = np.array(answer["embeddings"], np.float32)
    np.testing.assert_array_equal(embeddings, verifier.embed(files))
    distance = verifier.verify(*files[:2]).distance
    assert abs(euclidean(*embeddings[:2]) - distance) < 1e-5
    assert (embeddings[0] == embeddings[2]).all()


def test_it_writes_a_file_that_numpy_reads_without_pickle(pictures, trained_folder, verifier, tmp_path, capsys):
    files = [pictures["small"], pictures["sketch"]]
    output = tmp_path / "new" / "found.npz"
    code, stdout, _ = run(["embed", *files, "--model", trained_folder, "--output", output], capsys)
    assert code == 0
    dim = verifier.config.encoder.embedding_dim
    assert stdout == f"wrote 2 embeddings of {dim} numbers to {output}\n"
    with np.load(output, allow_pickle=False) as stored:
        assert sorted(stored) == ["embeddings", "files"]
        assert stored["embeddings"].dtype == np.float32
        np.testing.assert_array_equal(stored["embeddings"], verifier.embed(files))
        assert stored["files"].tolist() == [str(file) for file in files]
    assert [path.name for path in output.parent.iterdir()] == ["found.npz"]


def test_a_file_that_is_no_picture_is_refused_and_an_earlier_output_stays(pictures, trained_folder, tmp_path, capsys):
    output = tmp_path / "found.npz"
    output.write_text("earlier")
    command = ["embed", pictures["small"], pictures["notes"], "--model", trained_folder]
    assert_refused(run(command, capsys), "'notes.png' is not an image")
    assert_refused(run([*command, "--output", output], capsys), "'notes.png' is not an image")
    assert output.read_text() == "earlier"


def test_an_output_of_another_kind_is_refused_before_the_model_is_loaded(pictures, tmp_path, capsys):
    command = ["embed", pictures["small"], "--model", tmp_path / "nowhere", "--output", tmp_path / "found.txt"]
    assert_refused(run(command, capsys), "found.txt'", "allowed: a file that ends with .npz, .csv, .parquet")
    assert_refused(run([*command, "--json"], capsys), "--json prints the embeddings", "leave one of them out")


def test_of_a_folder_what_is_no_picture_is_named_and_left_out(digit_folder, trained_folder, verifier, tmp_path, capsys):
    (digit_folder / "digit 0" / "broken.png").write_text("no picture")
    output = tmp_path / "found.npz"
    code, stdout, stderr = run(["embed", digit_folder, "--model", trained_folder, "-o", output], capsys)
    assert (code, stderr.count("left out")) == (0, 1)
    assert stdout == f"wrote 28 embeddings of {verifier.config.encoder.embedding_dim} numbers to {output}\n"
    assert not list(tmp_path.glob(".found*"))
    with np.load(output) as stored:
        np.testing.assert_array_equal(stored["embeddings"], verifier.embed(stored["files"].tolist()))
    code, stdout, _ = run(["embed", digit_folder, "--model", trained_folder], capsys)
    assert len(json.loads(stdout)["embeddings"]) == 28
    code, stdout, _ = run(["embed", digit_folder, "--model", trained_folder, "-o", "-"], capsys)
    assert len(stdout.splitlines()) == 29


def test_an_interrupted_folder_goes_on_with_the_same_command(digit_folder, trained_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(embedded_files, "AT_ONCE", 10)
    command = ["embed", digit_folder, "--model", trained_folder, "--output", tmp_path / "found.npz"]
    embed, calls = Verifier.embed_canonical, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return embed(*arguments)

    monkeypatch.setattr(Verifier, "embed_canonical", interrupted)
    code, stdout, stderr = run(command, capsys)
    assert (code, stdout) == (130, "")
    assert "20 of 28 files are done: the same command goes on from there" in stderr
    code, stdout, stderr = run(command, capsys)
    assert code == 0
    assert "20 of 28 files are done already" in stderr
    assert len(calls) == 4


def test_several_processes_are_for_folders_with_an_output(pictures, trained_folder, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    command = ["embed", pictures["small"], "--model", trained_folder]
    assert_refused(run(command, capsys), "torchrun is for folders and lists of pictures with --output FILE")


@pytest.mark.exhaustive
def test_two_processes_share_a_folder_and_write_what_one_does(root, digit_folder, trained_folder, verifier, tmp_path):
    """Real ones, by torchrun; each names what cannot be read."""
    (digit_folder / "digit 0" / "broken.png").write_text("no picture")
    output = tmp_path / "found.npz"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone", "-m", "siamese", "embed"]
    command += [str(digit_folder), "--model", str(trained_folder), "--output", str(output)]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert (ended.stdout.count("wrote 28 embeddings"), ended.stderr.count("left out")) == (1, 1)
    with np.load(output) as stored:
        assert sorted(stored["files"].tolist()) == stored["files"].tolist()
        np.testing.assert_array_equal(stored["embeddings"], verifier.embed(stored["files"].tolist()))
    assert not list(tmp_path.glob(".found*"))
