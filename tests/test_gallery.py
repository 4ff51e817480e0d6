"""Gallery: recognition against a literal search in float64, what is enrolled, removed, saved, loaded and refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from scipy.spatial.distance import cdist

from siamese import Verifier
from siamese.gallery import Gallery, _indices_of_largest


@pytest.fixture
def gallery(verifier, digits) -> Gallery:
    """Three examples each of the digits 0 to 9, called "zero" to "nine"."""
    gallery = Gallery(verifier)
    for label, name in enumerate(NAMES):
        gallery.enrol(name, list(digits[0][digits[1] == label][:3]))
    return gallery


NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def literal_ranking(query: np.ndarray, embeddings: np.ndarray, labels: np.ndarray) -> list[tuple[int, float]]:
    """(class, distance to its nearest example), nearest first, in double precision."""
    distances = cdist(query[None].astype(float), embeddings.astype(float))[0]
    nearest = {int(label): distances[labels == label].min() for label in np.unique(labels)}
    return sorted(nearest.items(), key=lambda item: item[1])


def test_the_ranking_is_that_of_a_literal_search(gallery, verifier, digits):
    for image in digits[0][500:540]:
        found = gallery.identify(image, top=10)
        expected = literal_ranking(verifier.embed([image])[0], gallery.embeddings.numpy(), gallery.labels.numpy())
        assert [match.name for match in found.matches] == [NAMES[label] for label, _ in expected]
        distances = [match.distance for match in found.matches]
        assert distances == pytest.approx([distance for _, distance in expected], rel=1e-4, abs=1e-5)
        assert [match.name for match in gallery.identify(image, top=3).matches] == [m.name for m in found.matches[:3]]


def test_a_query_is_remarked_on_as_a_look_is(gallery, verifier, digits):
    two = np.pad(255 - np.kron(np.hstack(list(digits[0][:2])), np.ones((8, 8), np.uint8)), 40, constant_values=255)
    assert gallery.identify(two).remark == verifier.look(two).remark != ""
    assert gallery.identify(digits[0][0]).remark == ""


def test_a_match_says_what_verify_says(gallery, verifier, digits):
    example = digits[0][digits[1] == 4][0]
    alone = Gallery(verifier)
    alone.enrol("four", [example])
    for image in digits[0][600:620]:
        verdict, found = verifier.verify(image, example), alone.identify(image)
        assert found.matches[0].distance == pytest.approx(verdict.distance, rel=1e-4, abs=1e-5)
        assert found.matches[0].probability_same == pytest.approx(verdict.probability_same, rel=1e-3, abs=1e-4)
        assert (found.name == "four") == verdict.is_same
        assert found.threshold == verdict.threshold


def test_an_enrolled_image_is_recognised_at_distance_0(gallery, digits):
    for label, name in enumerate(NAMES):
        found = gallery.identify(digits[0][digits[1] == label][1])
        assert (found.name, found.matches[0].name) == (name, name)
        assert found.matches[0].distance < 1e-5


def test_most_digits_are_recognised_from_three_examples(gallery, digits):
    right = [gallery.identify(image).matches[0].name == NAMES[label] for image, label in zip(*digits, strict=True)]
    assert np.mean(right) > 0.8


def test_none_is_recognised_where_the_threshold_is_small(gallery, digits):
    image = digits[0][digits[1] == 7][50]
    nearest = gallery.identify(image).matches[0].distance
    assert gallery.identify(image, threshold=nearest * 0.99).name is None
    assert gallery.identify(image, threshold=nearest * 1.01).name is not None


def unit_rows(generator: np.random.Generator, count: int, dim: int) -> torch.Tensor:
    rows = generator.standard_normal((count, dim)).astype(np.float32)
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 60), st.integers(1, 15), st.booleans())
def test_any_number_of_classes_and_examples_is_ranked_right(verifier, seed, classes, most, top, are_of_unit_length):
    generator = np.random.default_rng(seed)
    dim = verifier.config.encoder.embedding_dim
    gallery = Gallery(verifier)
    for index in range(classes):
        for _ in range(int(generator.integers(1, 3))):  # in one go or in two
            rows = unit_rows(generator, int(generator.integers(1, most + 1)), dim)
            gallery.enrol_embeddings(f"class {index}", rows if are_of_unit_length else rows * generator.uniform(0.2, 2))
    query = unit_rows(generator, 1, dim)[0]
    found = gallery.identify_embedding(query, top=top)
    expected = literal_ranking(query.numpy(), gallery.embeddings.numpy(), gallery.labels.numpy())[:top]
    assert [match.distance for match in found.matches] == pytest.approx([d for _, d in expected], rel=1e-4)
    assert len({match.name for match in found.matches}) == len(found.matches) == min(top, classes)


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 6), st.integers(1, 10), st.floats(0.5, 1.6))
def test_with_prototypes_the_mean_of_a_class_has_a_say(verifier, seed, classes, most, top, threshold):
    generator = np.random.default_rng(seed)
    gallery = Gallery(verifier)
    for index in range(classes):
        count = int(generator.integers(1, most + 1))
        gallery.enrol_embeddings(f"class {index}", unit_rows(generator, count, verifier.config.encoder.embedding_dim))
    query = unit_rows(generator, 1, verifier.config.encoder.embedding_dim)[0]
    found = gallery.identify_embedding(query, threshold, top, prototypes=True)

    rows, labels, asked = gallery.embeddings.double().numpy(), gallery.labels.numpy(), query.double().numpy()
    nearest = np.array([cdist(asked[None], rows[labels == index]).min() for index in range(classes)])
    to_mean = np.array([np.linalg.norm(asked - rows[labels == index].mean(axis=0)) for index in range(classes)])
    is_in = nearest <= threshold
    expected = sorted(range(classes), key=lambda index: (not is_in[index], nearest[index] + to_mean[index]))[:top]
    assert [match.name for match in found.matches] == [f"class {index}" for index in expected]
    assert [match.distance for match in found.matches] == pytest.approx(nearest[expected], rel=1e-4)
    assert (found.name is None) == (not is_in.any())


def test_of_single_examples_prototypes_change_nothing(verifier, digits):
    gallery = Gallery(verifier)
    for label, name in enumerate(NAMES):
        gallery.enrol(name, [digits[0][digits[1] == label][0]])
    gallery.identify(digits[0][300], prototypes=True)
    gallery.remove("six")
    gallery.enrol("six again", [digits[0][digits[1] == 6][1]])  # what was kept of the classes is made anew
    for image in digits[0][500:520]:
        plain, fitting = gallery.identify(image, top=10), gallery.identify(image, top=10, prototypes=True)
        assert [match.name for match in fitting.matches] == [match.name for match in plain.matches]
        assert fitting.name == plain.name


@given(st.integers(0, 1000), st.integers(1, 3000), st.integers(1, 20))
def test_the_largest_values_are_found_as_by_topk(seed, count, wanted):
    values = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    wanted = min(wanted, count)
    for width in (2, 16, 128):
        assert torch.equal(_indices_of_largest(values, wanted, width), values.topk(wanted).indices)


def test_a_removed_class_is_gone_and_the_others_are_as_before(gallery, digits):
    image = digits[0][digits[1] == 3][10]
    before = [match for match in gallery.identify(image, top=10).matches if match.name != "three"]
    gallery.remove("three")
    assert gallery.names == [name for name in NAMES if name != "three"]
    assert len(gallery) == 27
    after = gallery.identify(image, top=10).matches
    assert [match.name for match in after] == [match.name for match in before]
    assert [match.distance for match in after] == [match.distance for match in before]
    with pytest.raises(ValueError, match="there is no class 'three'"):
        gallery.remove("three")


def test_saved_and_loaded_it_answers_the_same(gallery, verifier, digits, tmp_path):
    gallery.remove("zero")
    gallery.enrol("one", list(digits[0][digits[1] == 1][5:7]))  # so that classes do not lie in order
    gallery.save(tmp_path / "gallery.safetensors")
    again = Gallery.load(tmp_path / "gallery.safetensors", verifier)
    assert again.names == gallery.names
    assert len(again) == len(gallery)
    for image in digits[0][700:720]:
        first, second = gallery.identify(image), again.identify(image)
        assert [(m.name, m.distance) for m in first.matches] == [(m.name, m.distance) for m in second.matches]
    again.enrol("another", [digits[0][0]])
    assert again.identify(digits[0][0]).matches[0].distance < 1e-5


def test_a_gallery_of_another_model_is_refused(gallery, untrained_folder, tmp_path):
    gallery.save(tmp_path / "gallery.safetensors")
    with pytest.raises(ValueError, match="was made with another model"):
        Gallery.load(tmp_path / "gallery.safetensors", Verifier.from_pretrained(untrained_folder))


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "weights", "cut", "labels", "names", "nan", "shape"])
def test_what_is_no_gallery_is_refused_in_one_sentence(damage, gallery, verifier, trained_folder, tmp_path):
    path = tmp_path / "gallery.safetensors"
    gallery.save(path)
    tensors = load_file(path)
    about = {"format": "siamese-gallery-1", "names": str(NAMES).replace("'", '"')}
    about["model"] = verifier.network.fingerprint()
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not a gallery")
    elif damage == "weights":
        path.write_bytes((trained_folder / "model.safetensors").read_bytes())
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "labels":
        save_file({**tensors, "labels": tensors["labels"] + 1}, path, metadata=about)
    elif damage == "names":
        save_file(tensors, path, metadata={**about, "names": '["zero"]'})
    elif damage == "nan":
        save_file({**tensors, "embeddings": tensors["embeddings"] * float("nan")}, path, metadata=about)
    elif damage == "shape":
        save_file({**tensors, "embeddings": tensors["embeddings"][:, :5].contiguous()}, path, metadata=about)
    with pytest.raises(ValueError, match=r"gallery|embeddings have shape") as caught:
        Gallery.load(path, verifier)
    assert "\n" not in str(caught.value)


def test_mistakes_are_named_and_change_nothing(gallery, digits):
    blank = np.zeros((28, 28), np.uint8)
    with pytest.raises(ValueError, match=r"blank|nothing|drawn"):
        gallery.enrol("blank", [digits[0][0], blank])
    with pytest.raises(ValueError, match="'none' has no images"):
        gallery.enrol("none", [])
    for name in ("", "  ", "x" * 201, 7):
        with pytest.raises(ValueError, match="the name of a class is"):
            gallery.enrol(name, [digits[0][0]])
    for threshold in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="threshold is"):
            gallery.identify(digits[0][0], threshold=threshold)
    with pytest.raises(ValueError, match="top is 0"):
        gallery.identify(digits[0][0], top=0)
    assert (gallery.names, len(gallery)) == (NAMES, 30)


def test_an_empty_gallery_says_so(verifier, digits):
    with pytest.raises(ValueError, match="the gallery is empty"):
        Gallery(verifier).identify(digits[0][0])
