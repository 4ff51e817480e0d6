"""Encoders on networks that others have trained, of the library `timm`: their features, under a metric that is computed."""

import difflib
import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese.config import BackboneConfig, EncoderConfig, shorten
from siamese.encoders.whitened import WhitenedEncoder

PREFIX = "timm/"
EXTRA = "pip install timm, which is the extra siamese[timm] of this project"
# Chosen on faces, with other draws of the people than those that are reported: see tests/benchmarks/README.md.
CELLS = (8, 16)  # px of the image that a place in the maps of a stage stands for: the last stage of each is taken
GRIDS = (2, 4)  # places a side that each stage's maps are averaged to
MOST_FEATURES = 2048  # of a stage: where its maps are more, there are fewer places
LEAST_SIDE, STEP, USUAL_SIDE, MOST_SIDE = 96, 32, 224, 512  # px: of what a network sees, see `side_for`
SHRINKAGE = 1.0  # added to the scatter within classes, as a share of its mean over all directions


class BackboneEncoder(WhitenedEncoder):
    """Features of a network that was trained on other images, whitened within classes; embeddings have length 1.

    The maps of some middle stages are averaged in a grid of places, since late stages know only what they were trained to
    tell apart (Yosinski et al. 2014). `fit` computes the linear map that makes images of one class vary alike in all
    directions (within-class covariance normalisation: Hatch, Kajarekar and Stolcke 2006). It keeps the directions in which
    the training images do not vary at all: others do, and there they differ the most. The network itself does not change,
    unless `tune` is called: then it goes on learning from there, together with the map.
    """

    citation = (
        "features: Yosinski et al. (2014), *How Transferable Are Features in Deep Neural Networks?*, of a network from "
        "Wightman (2019), *PyTorch Image Models* (timm); their metric: Hatch, Kajarekar and Stolcke (2006), *Within-Class "
        "Covariance Normalization for SVM-based Speaker Recognition*"
    )
    default_dim = 1024
    is_tuned = False

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config.embedding_dim, config.image_size, config.channels)
        self.name, self.backbone, self.side = config.name, config.backbone, config.image_size
        self.network = network_of(config.name, config.image_size).eval()  # it never trains, and one image must do
        try:
            _keep_stages(self.network, config.backbone.stages)
            with torch.no_grad():
                count = self.fixed_features(torch.zeros(1, config.channels, self.side, self.side)).shape[1]
        except (IndexError, AssertionError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"encoder {self.name} cannot be built for {self.side} px with stages {config.backbone.stages}: "
                f"{shorten(str(error))}"
            ) from error
        if config.embedding_dim > count:
            raise ValueError(
                f"encoder {self.name}: embedding_dim is {config.embedding_dim}, allowed with {self.side} px: at most "
                f"{count:,}"
            )
        for parameter in self.network.parameters():
            parameter.requires_grad = False
        self.start_metric(config.embedding_dim, count)

    def train(self, mode: bool = True) -> "BackboneEncoder":
        super().train(mode)
        # The statistics of its normalisations are those of its own training, also where its weights are tuned: those of
        # small batches are rough (Musgrave, Belongie and Lim 2020, A Metric Learning Reality Check, keep them as well).
        self.network.eval()
        return self

    def tune(self) -> None:
        """From now on all weights are trained: those of the network, and the linear map."""
        self.is_tuned = True
        for parameter in (*self.network.parameters(), self.weight):
            parameter.requires_grad = True

    def features(self, images: Tensor) -> Tensor:
        if not (self.is_tuned and self.training):
            return super().features(images)
        if self.mirrors:
            # One side of each image stands for both, for half the time: that of every second one is its mirror image.
            turned = torch.arange(len(images), device=images.device)[:, None, None, None] % 2 == 1
            images = torch.where(turned, images.flip(3), images)
        found = (1 + self.mirrors) * self.one_sided(images) - self.mean
        with torch.autocast(images.device.type, enabled=False):
            return F.linear(found, self.weight) * self.metric  # (B, D)

    @torch.no_grad()
    def fit(self, images: Iterable[Tensor], labels: Tensor) -> None:
        """Compute the linear map from images in parts (B, C, H, W), float in 0..1, of classes `labels` (N,), int64."""
        # On the CPU, as not every device has double precision.
        features = torch.cat([self.fixed_features(part).cpu() for part in images]).double()  # (N, F)
        mean = features.mean(dim=0)
        _, labels = labels.cpu().unique(return_inverse=True)
        class_means = torch.zeros(int(labels.max()) + 1, features.shape[1], dtype=features.dtype)
        class_means.index_add_(0, labels, features).div_(labels.bincount()[:, None])
        within = features - class_means[labels]
        scatter, axes = torch.linalg.eigh(within.T @ within / len(within))
        spread = (scatter + SHRINKAGE * scatter.mean() + 1e-12).rsqrt()
        rotation = nn.init.orthogonal_(torch.empty_like(self.weight, device="cpu")).double()  # to fewer numbers, at random
        weight = rotation @ (axes * spread) @ axes.T
        self.mean.copy_(mean)
        self.weight.copy_(weight / weight.norm() * math.sqrt(len(weight)))

    @torch.no_grad()
    def load_pretrained(self, weights: dict[str, Tensor]) -> None:
        """Take over the weights of the whole network as timm names them, the parts that are not used aside."""
        whole = network_of(self.name, self.side, weights).state_dict()
        self.network.load_state_dict({name: whole[name] for name in self.network.state_dict()})

    def one_sided(self, images: Tensor) -> Tensor:
        """The maps of each stage, averaged in its places; those of a stage have length 1: (B, F)."""
        mean, deviation = (images.new_tensor(each)[:, None, None] for each in (self.backbone.mean, self.backbone.deviation))
        images = (images.expand(-1, 3, -1, -1) - mean) / deviation
        maps = self.network.forward_intermediates(
            images, indices=list(self.backbone.stages), intermediates_only=True, output_fmt="NCHW"
        )
        pooled = (F.adaptive_avg_pool2d(*each).flatten(1) for each in zip(maps, self.backbone.grids, strict=True))
        return torch.cat([F.normalize(each.float(), dim=1) for each in pooled], dim=1)


def library():
    """The library `timm`. Raises ValueError that names the extra where it is not installed."""
    try:
        import timm  # takes a second and more, for which what does without should not wait
    except ImportError as error:
        raise ValueError(f"encoders timm/... need the library timm, which is not installed: {EXTRA}") from error
    return timm


def pretrained_settings(name: str):
    """What timm knows of the weights of "timm/NAME". Raises ValueError for a network that it does not have."""
    timm, short = library(), name.removeprefix(PREFIX)
    if not timm.is_model(short.partition(".")[0]):
        near = difflib.get_close_matches(short, timm.list_models(), 3, 0.5)
        example = ", ".join(PREFIX + each for each in near or ["resnet18"])
        raise ValueError(f"timm has no network {shorten(short)}, available: what timm.list_models() names, as {example}")
    try:
        found = timm.get_pretrained_cfg(short)
    except (RuntimeError, ValueError, KeyError) as error:
        raise ValueError(f"timm has no weights {shorten(short)}: {shorten(str(error))}") from error
    return found or timm.get_pretrained_cfg(short.partition(".")[0])


def network_of(name: str, image_size: int, weights: dict[str, Tensor] | None = None) -> nn.Module:
    """The network of timm that "timm/NAME" means, without its classifier, with random weights or the given ones.

    Raises ValueError where timm is not installed, has no such network, or cannot build it for images of that size.
    """
    settings = pretrained_settings(name)
    more = {"img_size": image_size} if settings.fixed_input_size else {}
    if weights is not None:
        more |= {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": weights}}
    try:
        return library().create_model(name.removeprefix(PREFIX), num_classes=0, **more)
    except (TypeError, ValueError, AssertionError, RuntimeError, KeyError) as error:
        raise ValueError(f"encoder {name} cannot be built for {image_size} px: {shorten(str(error))}") from error


def _keep_stages(network: nn.Module, stages: tuple[int, ...]) -> None:
    """Take out of a network what comes after its last used stage."""
    if not hasattr(network, "prune_intermediate_layers"):
        raise ValueError("timm gives no features of its stages")
    network.prune_intermediate_layers(list(stages), prune_head=True)


def choose_backbone(name: str, image_size: int, weights: str) -> tuple[BackboneConfig, int]:
    """What fits the network "timm/NAME" and images of that size, and how many features that are.

    `weights` is recorded as where they are from.

    Its features are the maps of the last stage with a place for at most so many px a side, for each of CELLS; of networks
    that are not so fine anywhere, as vision transformers, those of a stage half way to the other.
    """
    settings = pretrained_settings(name)
    with torch.device("meta"):
        info = network_of(name, image_size).feature_info
    stages = getattr(info, "info", info)
    fine, coarse = (max((n for n, each in enumerate(stages) if each["reduction"] <= most), default=-1) for most in CELLS)
    coarse = max(coarse, 0)
    chosen = (fine if 0 <= fine < coarse else coarse // 2, coarse)[-1 if coarse == 0 else 0 :]
    grids = []
    for stage, grid in zip(chosen, GRIDS[-len(chosen) :], strict=True):
        while grid > 1 and stages[stage]["num_chs"] * grid**2 > MOST_FEATURES:
            grid //= 2
        grids.append(grid)
    count = sum(stages[stage]["num_chs"] * grid**2 for stage, grid in zip(chosen, grids, strict=True))
    return BackboneConfig(tuple(settings.mean), tuple(settings.std), chosen, tuple(grids), weights), count


def side_for(name: str, side: int) -> int:
    """How large "timm/NAME" should see pictures whose longer side has so many px: as large as it was trained with, where
    they are; else no larger than they are, as far as it can be had.
    """
    settings = pretrained_settings(name)
    own = settings.input_size[1] if settings.input_size[1] <= MOST_SIDE else USUAL_SIDE
    return own if settings.fixed_input_size else max(min(own, LEAST_SIDE), min(own, side // STEP * STEP))
