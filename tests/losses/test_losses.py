"""Losses against loops over pairs and triplets, written out in double precision with gradients of their own."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from siamese import losses
from siamese.config import LossConfig
from siamese.losses import LOSSES, build_loss
from siamese.losses.base import Loss
from siamese.losses.contrastive import ContrastiveLoss
from siamese.losses.cross_entropy import PairwiseCrossEntropy
from siamese.losses.proxy import ProxyLoss
from siamese.losses.supervised_contrastive import SupervisedContrastiveLoss
from siamese.losses.triplet import HardTripletLoss, SemiHardTripletLoss, TripletLoss

every_loss = pytest.mark.parametrize("name", LOSSES)
every_loss_of_pairs = pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if not loss.knows_classes])
both_lengths = pytest.mark.parametrize("unit_length", [True, False])


def random_batch(seed: int, count: int = 12, classes: int = 4, width: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    embeddings = normalize(torch.randn(count, width, generator=generator), dim=1)
    return embeddings, torch.randint(classes, (count,), generator=generator)


def looped_cross_entropy(embeddings: Tensor, labels: Tensor, bias: float, scale: float) -> Tensor:
    """Mean of -log P(truth) over the same pairs and over the different pairs, averaged."""
    terms = {True: [], False: []}
    for i, j in itertools.combinations(range(len(labels)), 2):
        squared = sum((embeddings[i, k] - embeddings[j, k]) ** 2 for k in range(embeddings.shape[1]))
        probability_same = 1 / (1 + torch.exp(-(bias - scale * squared)))
        is_same = bool(labels[i] == labels[j])
        terms[is_same].append(-torch.log(probability_same if is_same else 1 - probability_same))
    return (sum(terms[True]) / len(terms[True]) + sum(terms[False]) / len(terms[False])) / 2


def looped_triplet(embeddings: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Mean of d(anchor, positive) - d(anchor, negative) + margin over the triplets where that is above 0."""
    active = []
    for anchor, positive, negative in itertools.permutations(range(len(labels)), 3):
        if labels[anchor] == labels[positive] != labels[negative]:
            near, far = ((embeddings[anchor] - embeddings[other]).norm() for other in (positive, negative))
            if near - far + margin > 0:
                active.append(near - far + margin)
    return sum(active) / len(active)


def distance(embeddings: Tensor, i: int, j: int) -> Tensor:
    return (embeddings[i] - embeddings[j]).norm()


def looped_contrastive(embeddings: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Mean of d^2 / 2 over the same pairs and of max(0, margin - d)^2 / 2 over the different pairs, averaged."""
    terms = {True: [], False: []}
    for i, j in itertools.combinations(range(len(labels)), 2):
        d = distance(embeddings, i, j)
        is_same = bool(labels[i] == labels[j])
        terms[is_same].append(d**2 / 2 if is_same else max(margin - d, 0 * d) ** 2 / 2)
    return (sum(terms[True]) / len(terms[True]) + sum(terms[False]) / len(terms[False])) / 2


def looped_hard_triplet(embeddings: Tensor, labels: Tensor, margin: float) -> Tensor:
    """For each anchor the farthest positive and the nearest negative of its 32 images; the mean of what is above 0.

    Distances are in units of the root mean square distance of the batch from its centre.
    """
    centre = sum(embeddings) / len(embeddings)
    spread = (sum((embedding - centre).square().sum() for embedding in embeddings) / len(embeddings)).sqrt()
    active = []
    for anchor in range(len(labels)):
        others = [other for other in range(len(labels)) if other != anchor and other // 32 == anchor // 32]
        near = [distance(embeddings, anchor, other) / spread for other in others if labels[other] == labels[anchor]]
        far = [distance(embeddings, anchor, other) / spread for other in others if labels[other] != labels[anchor]]
        if near and far and max(near) - min(far) + margin > 0:
            active.append(max(near) - min(far) + margin)
    return sum(active) / len(active)


def looped_semi_hard_triplet(embeddings: Tensor, labels: Tensor, margin: float) -> Tensor:
    """For each same pair the nearest negative beyond the positive, else the farthest; the mean of what is above 0."""
    active = []
    for anchor, positive in itertools.permutations(range(len(labels)), 2):
        if labels[anchor] == labels[positive]:
            near = distance(embeddings, anchor, positive)
            far = [distance(embeddings, anchor, other) for other in range(len(labels)) if labels[other] != labels[anchor]]
            beyond = [value for value in far if value > near]
            violation = near - (min(beyond) if beyond else max(far)) + margin
            if violation > 0:
                active.append(violation)
    return sum(active) / len(active)


def looped_supervised_contrastive(embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The formula of Khosla et al. 2020 (their L_out) with the cosine for the similarity, over anchors with positives."""
    per_anchor = []
    for anchor in range(len(labels)):
        others = [other for other in range(len(labels)) if other != anchor]
        total = sum(torch.exp(embeddings[anchor] @ embeddings[other] / temperature) for other in others)
        positives = [other for other in others if labels[other] == labels[anchor]]
        shares = [torch.exp(embeddings[anchor] @ embeddings[other] / temperature) / total for other in positives]
        if positives:
            per_anchor.append(-sum(torch.log(share) for share in shares) / len(positives))
    return sum(per_anchor) / len(per_anchor)


def looped_proxy(embeddings: Tensor, labels: Tensor, centres: Tensor, scale: float, none: float) -> Tensor:
    """-log of the own class's share of exp(-scale * distance^2) to the centres and of `none`, what no centre has."""
    terms = []
    for embedding, label in zip(embeddings, labels.tolist(), strict=True):
        weights = [torch.exp(-scale * ((embedding - centre) ** 2).sum()) for centre in centres]
        terms.append(-torch.log(weights[label] / (sum(weights) + none)))
    return sum(terms) / len(terms)


def build(name: str, unit_length: bool = True) -> Loss:
    """The loss with its own margin, for what `random_batch` makes."""
    return build_loss(LossConfig(name, LOSSES[name].default_margin or 0), unit_length, embedding_dim=5, classes=4)


def assert_same_value_and_gradient(loss_function, looped, embeddings: Tensor, labels: Tensor) -> None:
    ours = embeddings.clone().requires_grad_()
    theirs = embeddings.double().requires_grad_()
    value, expected = loss_function(ours, labels), looped(theirs, labels)
    assert value.shape == ()
    torch.testing.assert_close(value.double(), expected, rtol=1e-4, atol=1e-6)
    value.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-5)


@both_lengths
@pytest.mark.parametrize("seed", range(3))
def test_bce_is_the_class_balanced_mean_over_all_pairs(seed, unit_length):
    embeddings, labels = random_batch(seed)
    loss_function = PairwiseCrossEntropy(unit_length=unit_length)
    with torch.no_grad():
        loss_function.bias.fill_(1.5)
        if unit_length:
            loss_function.log_scale.fill_(0.7)
    scale = float(torch.tensor(0.7).exp()) if unit_length else 1.0
    assert_same_value_and_gradient(loss_function, lambda x, y: looped_cross_entropy(x, y, 1.5, scale), embeddings, labels)


@pytest.mark.parametrize("margin", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_triplet_is_the_mean_over_all_active_triplets(seed, margin):
    embeddings, labels = random_batch(seed)
    loss_function = TripletLoss(LossConfig("triplet", margin))
    assert_same_value_and_gradient(loss_function, lambda x, y: looped_triplet(x, y, margin), embeddings, labels)


@pytest.mark.parametrize("margin", [0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("loss", "looped"),
    [
        (ContrastiveLoss, looped_contrastive),
        (HardTripletLoss, looped_hard_triplet),
        (SemiHardTripletLoss, looped_semi_hard_triplet),
    ],
)
def test_losses_with_a_margin_are_those_of_the_loops(loss, looped, seed, margin):
    embeddings, labels = random_batch(seed)
    assert_same_value_and_gradient(loss(LossConfig("", margin)), lambda x, y: looped(x, y, margin), embeddings, labels)


def test_batch_hard_looks_among_32_images():
    embeddings, labels = random_batch(0, count=75)
    loss_function = HardTripletLoss(LossConfig("triplet-hard", 0.5))
    assert_same_value_and_gradient(loss_function, lambda x, y: looped_hard_triplet(x, y, 0.5), embeddings, labels)


@pytest.mark.parametrize("scale", [0.01, 10.0])
def test_batch_hard_has_nothing_to_gain_by_shrinking(scale):
    embeddings, labels = random_batch(0)
    loss_function = HardTripletLoss(LossConfig("triplet-hard", 0.5))
    torch.testing.assert_close(loss_function(scale * embeddings, labels), loss_function(embeddings, labels))


@pytest.mark.parametrize("seed", range(3))
def test_supcon_is_that_of_the_paper(seed):
    embeddings, labels = random_batch(seed)
    loss_function = SupervisedContrastiveLoss()
    expected = looped_supervised_contrastive(embeddings.double(), labels, loss_function.temperature)
    torch.testing.assert_close(loss_function(embeddings, labels).double(), expected, rtol=1e-4, atol=1e-6)


@both_lengths
@pytest.mark.parametrize("seed", range(3))
def test_proxy_is_the_softmax_over_the_class_centres(seed, unit_length):
    embeddings, labels = random_batch(seed)
    loss_function = ProxyLoss(unit_length=unit_length, embedding_dim=5, classes=4)
    centres = loss_function.centres.detach().double()
    centres = normalize(centres, dim=1) if unit_length else centres
    scale = loss_function.log_scale.exp().item()
    none = 0.0
    if not unit_length:
        torch.nn.init.constant_(loss_function.bias, 0.7)
        none = math.exp(-0.7)
    assert_same_value_and_gradient(loss_function, lambda x, y: looped_proxy(x, y, centres, scale, none), embeddings, labels)


@every_loss
@both_lengths
@pytest.mark.parametrize("most_elements", [1, 50, 200])
def test_a_large_batch_in_parts_gives_the_loss_and_gradient_of_the_whole(name, unit_length, most_elements, monkeypatch):
    embeddings, labels = random_batch(7)
    loss_function = build(name, unit_length)
    results = []
    for most in (losses.base.MOST_ELEMENTS, most_elements):
        monkeypatch.setattr(losses.base, "MOST_ELEMENTS", most)
        inputs = [embeddings.clone().requires_grad_(), *loss_function.parameters()]
        loss = loss_function(inputs[0], labels)
        results.append([loss, *torch.autograd.grad(loss, inputs)])
    for whole, in_parts in zip(*results, strict=True):
        torch.testing.assert_close(in_parts, whole, rtol=1e-4, atol=1e-6)


def test_triplet_is_zero_where_every_margin_is_kept():
    embeddings = torch.tensor([[0.0], [0.1], [5.0], [5.1]], requires_grad=True)
    loss = TripletLoss(LossConfig("triplet", 1.0))(embeddings, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert loss == 0
    assert torch.equal(embeddings.grad, torch.zeros(4, 1))


DEGENERATE = {
    "one class": [3, 3, 3, 3],
    "all different": [0, 1, 2, 3],
    "one same pair": [0, 0],
    "one different pair": [0, 1],
    "one image": [0],
}


@every_loss
@both_lengths
@pytest.mark.parametrize("labels", DEGENERATE.values(), ids=DEGENERATE)
@pytest.mark.parametrize("identical", [False, True], ids=["spread", "identical embeddings"])
def test_degenerate_batches_give_finite_losses_and_gradients(name, unit_length, labels, identical):
    embeddings, _ = random_batch(0, count=len(labels))
    embeddings = embeddings[:1].expand(len(labels), -1).clone() if identical else embeddings
    embeddings.requires_grad_()
    loss_function = build(name, unit_length)
    loss = loss_function(embeddings, torch.tensor(labels))
    assert loss.isfinite()
    assert loss >= 0
    loss.backward()
    for tensor in (embeddings, *loss_function.parameters()):
        assert tensor.grad is None or tensor.grad.isfinite().all()


@every_loss
@both_lengths
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), count=st.integers(2, 24))
def test_order_of_the_batch_and_names_of_the_classes_do_not_matter(name, unit_length, data, seed, count):
    embeddings, labels = random_batch(seed, count)
    order = torch.tensor(data.draw(st.permutations(range(count))))
    renamed = torch.tensor(data.draw(st.permutations(range(4))))
    loss_function = build(name, unit_length)
    loss = loss_function(embeddings, labels)
    torch.testing.assert_close(loss_function(embeddings[order], labels[order]), loss, rtol=1e-4, atol=1e-5)
    if not loss_function.knows_classes:
        torch.testing.assert_close(loss_function(embeddings, renamed[labels]), loss)


@every_loss_of_pairs
def test_a_step_against_the_gradient_pulls_same_together_and_pushes_different_apart(name):
    embeddings = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], requires_grad=True)  # anchor, positive, negative
    build(name, unit_length=False)(embeddings, torch.tensor([0, 0, 1])).backward()
    moved = embeddings.detach() - 0.01 * embeddings.grad
    assert (moved[0] - moved[1]).norm() < 1
    assert (moved[0] - moved[2]).norm() > 1


@both_lengths
@given(bias=st.floats(-5, 5), log_scale=st.floats(-2, 3), near=st.floats(0, 1.5), step=st.floats(0.05, 0.5))
def test_log_odds_of_bce_fall_with_the_distance(unit_length, bias, log_scale, near, step):
    loss_function = PairwiseCrossEntropy(unit_length=unit_length).double()
    with torch.no_grad():
        loss_function.bias.fill_(bias)
        if unit_length:
            loss_function.log_scale.fill_(log_scale)

    def loss(distance: float, is_same: bool) -> float:
        embeddings = torch.tensor([[0.0], [distance]], dtype=torch.float64)
        return loss_function(embeddings, torch.tensor([0, 0 if is_same else 1])).item()

    # softplus(-x) - softplus(x) = -x, and either kind of pair alone weighs half: this is the log-odds of the pair.
    log_odds = [2 * (loss(distance, False) - loss(distance, True)) for distance in (near, near + step)]
    assert log_odds[0] > log_odds[1]


def test_unknown_loss_lists_the_choices():
    with pytest.raises(ValueError, match="unknown loss 'hinge', available: " + ", ".join(LOSSES)):
        build_loss(LossConfig("hinge"), True, 5, 4)
