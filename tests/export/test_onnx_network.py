"""A model in an ONNX file does as it does under PyTorch, needs no PyTorch, and is refused where it is something else."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist
from terminal import assert_refused, run

from siamese import Gallery, Verifier
from siamese.export import onnx_network
from siamese.export.metadata import describe
from siamese.export.onnx_network import load_onnx
from siamese.export.write import export_network

onnx = pytest.importorskip("onnx", reason="ONNX is an extra")
TOLERANCE = 1e-5
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from siamese.__main__ import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def verifier(onnx_file) -> Verifier:
    return Verifier.from_pretrained(onnx_file)


def assert_alike(found: Verifier, own: Verifier, images: np.ndarray) -> None:
    """The same embeddings, what is familiar, and the same verdict on all pairs; distances in double precision, from here."""
    looks, expected = found.look_at_canonical(images), own.look_at_canonical(images)
    embeddings = [np.stack([look.embedding for look in each]) for each in (looks, expected)]
    assert np.abs(embeddings[0] - embeddings[1]).max() <= TOLERANCE
    assert [look.is_familiar for look in looks] == [look.is_familiar for look in expected]
    distances = [cdist(each.astype(float), each.astype(float)) for each in embeddings]
    is_same = [each <= own.config.calibration.threshold for each in distances]
    assert np.array_equal(*is_same)
    assert 0.05 < is_same[0].mean() < 0.2  # there are both


def test_all_pairs_of_a_thousand_test_digits_get_the_same_verdict(verifier, bundled, digits):
    assert_alike(verifier, bundled, digits[0])


def test_it_is_a_verifier_like_any_other(verifier, bundled, digits, onnx_file, tmp_path):
    assert (verifier.config, verifier.name) == (bundled.config, onnx_file.name)
    Image.fromarray(255 - digits[0][1]).resize((280, 280)).save(tmp_path / "sketch.png")
    for pair in ((digits[0][0], digits[0][1]), (tmp_path / "sketch.png", digits[0][1]), (digits[0][2], digits[0][2])):
        found, expected = verifier.verify(*pair).to_dict(), bundled.verify(*pair).to_dict()
        assert found == {
            name: pytest.approx(value, abs=1e-4) if type(value) is float else value for name, value in expected.items()
        }
        assert verifier.verify(*pair[::-1]).distance == found["distance"]
    assert verifier.verify(digits[0][2], digits[0][2]).distance == 0
    assert verifier.embed([]).shape == (0, 64)


def test_an_image_has_the_same_bits_alone_and_at_any_place_of_any_batch(verifier, digits):
    together, order = verifier.embed_canonical(digits[0][:41]), np.random.default_rng(0).permutation(41)
    assert np.array_equal(verifier.embed_canonical(digits[0][:41][order]), together[order])
    for place in range(9):
        assert np.array_equal(verifier.embed_canonical(digits[0][place : place + 1]), together[place : place + 1])


def test_a_gallery_of_either_loads_with_the_other(verifier, bundled, digits, tmp_path):
    for maker, user in ((verifier, bundled), (bundled, verifier)):
        gallery = Gallery(maker)
        gallery.enrol("a digit", [digits[0][0]])
        gallery.save(tmp_path / "gallery.safetensors")
        assert Gallery.load(tmp_path / "gallery.safetensors", user).identify(digits[0][0]).name == "a digit"


@pytest.mark.slow
def test_it_is_measured_as_the_model_itself(onnx_file, tmp_path, digits, capsys):
    for label, image in zip(digits[1][:60], digits[0][:60], strict=True):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / str(label) / f"{len([*tmp_path.rglob('*.png')])}.png")
    measured = []
    for model in (onnx_file, "digits"):
        code, stdout, _ = run(["evaluate", "--model", model, "--dataset", tmp_path, "--json"], capsys)
        assert code == 0
        measured.append(json.loads(stdout))
    for name, value in measured[1].items():
        assert name == "model" or measured[0][name] == (
            pytest.approx(value, abs=0.01) if isinstance(value, float) else value
        )


@pytest.mark.exhaustive
def test_float_images_give_the_same(bundled, verifier, digits, tmp_path):
    (tmp_path / "float.onnx").write_bytes(export_network(bundled.network, bundled.config, kind="float32"))
    network, _, reference = load_onnx(tmp_path / "float.onnx")
    assert reference is None
    assert network.session.get_inputs()[0].shape[1:] == [1, 28, 28]
    assert np.abs(network.embed_alike(digits[0][:20])[0] - verifier.embed_canonical(digits[0][:20])).max() <= TOLERANCE


@pytest.mark.exhaustive
def test_glyphs_do_the_same_on_all_pairs_of_a_thousand_digits(digits, tmp_path):
    own = Verifier.from_pretrained("glyphs")
    (tmp_path / "glyphs.onnx").write_bytes(export_network(own.network, own.config, reference=own.reference))
    images = np.stack([own.canonical(image) for image in digits[0]])
    found = Verifier.from_pretrained(tmp_path / "glyphs.onnx")
    looks, expected = found.embed_canonical(images), own.embed_canonical(images)
    assert np.abs(looks - expected).max() <= TOLERANCE
    distances = [cdist(each.astype(float), each.astype(float)) for each in (looks, expected)]
    assert np.array_equal(*(each <= own.config.calibration.threshold for each in distances))


# ---- Without torch ----


def test_compare_does_without_torch(onnx_file, bundled, digits, tmp_path, root):
    for name, image in (("a.png", digits[0][0]), ("b.png", digits[0][1])):
        Image.fromarray(image).save(tmp_path / name)
    command = ["compare", tmp_path / "a.png", tmp_path / "b.png", "--model", onnx_file, "--json"]
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *command], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    expected = {**bundled.verify(tmp_path / "a.png", tmp_path / "b.png").to_dict(), "model": onnx_file.name}
    found = json.loads(finished.stdout)
    assert found == {
        name: pytest.approx(value, abs=1e-4) if type(value) is float else value for name, value in expected.items()
    }


def test_what_needs_torch_says_so_in_one_sentence(root, tmp_path, digits):
    Image.fromarray(digits[0][0]).save(tmp_path / "a.png")
    command = ["compare", tmp_path / "a.png", tmp_path / "a.png"]
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *command], cwd=root, capture_output=True, text=True, timeout=300
    )
    assert_refused(
        (finished.returncode, finished.stdout, finished.stderr), "needs the library torch, which is not installed"
    )


def test_without_onnx_runtime_one_sentence_names_the_extra(onnx_file, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert_refused(run(["compare", "a", "b", "--model", onnx_file], capsys), "pip install onnxruntime", "siamese[onnx]")


# ---- What is no such file ----


def _model(bundled, **changes) -> "onnx.ModelProto":
    """A graph that takes two images and gives what an encoder does, but always zeros; changed."""
    given = {"names": ("images", "embeddings", "lengths"), "value": 0.0, "dim": 64, "about": None} | changes
    helper, types = onnx.helper, onnx.TensorProto
    taken, embeddings, lengths = given["names"]
    zeros = []
    for name, shape in ((embeddings, (2, given["dim"])), (lengths, (2,))):
        numbers = helper.make_tensor(name, types.FLOAT, shape, [given["value"]] * int(np.prod(shape)))
        zeros.append(helper.make_node("Constant", [], [name], value=numbers))
    graph = helper.make_graph(
        [helper.make_node("Identity", [taken], ["unused"]), *zeros],
        "made by hand",
        [helper.make_tensor_value_info(taken, types.UINT8, [None, 28, 28])],
        [helper.make_tensor_value_info(name, types.FLOAT, None) for name in (embeddings, lengths)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    helper.set_model_props(model, given["about"] or describe(bundled.config, "a digest", "uint8", None))
    return model


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"names": ("pictures", "embeddings", "lengths")}, "takes ['pictures']"),
        ({"names": ("images", "lengths", "embeddings")}, "gives ['lengths', 'embeddings']"),
        ({"value": float("nan")}, "finite"),
        ({"dim": 3}, "(2, 3)"),
        ({"about": {"producer": "somebody"}}, "not written by `siamese export`"),
    ],
    ids=["input", "outputs", "nan", "dimension", "metadata"],
)
def test_another_graph_is_refused(changes, expected, bundled, tmp_path, capsys):
    (tmp_path / "other.onnx").write_bytes(_model(bundled, **changes).SerializeToString())
    assert_refused(run(["compare", "a", "b", "--model", tmp_path / "other.onnx"], capsys), "other.onnx", expected)


def test_a_graph_as_it_should_be_is_taken(bundled, tmp_path, digits):
    (tmp_path / "zeros.onnx").write_bytes(_model(bundled).SerializeToString())
    assert not Verifier.from_pretrained(tmp_path / "zeros.onnx").embed(digits[0][:3]).any()


def test_weights_in_other_files_are_not_read(bundled, tmp_path, capsys):
    model = _model(bundled)
    tensor = onnx.TensorProto(name="more", data_type=onnx.TensorProto.UINT8, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    (tmp_path / "secret").write_bytes(b"1234")
    model.graph.initializer.append(tensor)
    model.graph.node.append(onnx.helper.make_node("Identity", ["more"], ["read"]))
    model.graph.output.append(onnx.helper.make_tensor_value_info("read", onnx.TensorProto.UINT8, [4]))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    assert_refused(run(["compare", "a", "b", "--model", tmp_path / "model.onnx"], capsys), "ONNX Runtime cannot load it")


@pytest.mark.parametrize("content", [b"", b"this is text", None], ids=["empty", "text", "cut"])
def test_a_damaged_file_is_refused(content, onnx_file, tmp_path, capsys):
    content = onnx_file.read_bytes()[:-1000] if content is None else content
    (tmp_path / "bad.onnx").write_bytes(content)
    assert_refused(run(["compare", "a", "b", "--model", tmp_path / "bad.onnx"], capsys), "bad.onnx")


def test_a_large_file_is_refused_before_it_is_read(onnx_file, monkeypatch):
    monkeypatch.setattr(onnx_network, "MAX_WEIGHTS_BYTES", 1000)
    with pytest.raises(ValueError, match=r"has [\d,]+ bytes, allowed: 1 to 1,000"):
        load_onnx(onnx_file)


def test_a_device_that_onnx_runtime_does_not_have_is_refused(onnx_file):
    with pytest.raises(ValueError, match="device 'abacus' is not available to ONNX Runtime here, available: auto, cpu"):
        Verifier.from_pretrained(onnx_file, device="abacus")
    assert Verifier.from_pretrained(onnx_file, device="auto").device in ("cpu", "cuda")
