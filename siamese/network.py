"""The siamese network: one encoder for both sides of a pair."""

import copy
import hashlib
import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from tqdm import tqdm

from siamese.config import EncoderConfig
from siamese.data.storage import let_go
from siamese.encoders import build_encoder
from siamese.encoders.turned_views import views_of
from siamese.inputs import to_tensor

MOST_AT_ONCE, PIXELS_AT_ONCE = 1000, 1_600_000  # images of a part: 1,000 of 40 x 40 px, 31 of 224 x 224 px
AGREEMENT = 8  # how much views must agree for an image to be familiar, see tests/benchmarks/README.md
FEW_ON_CPU, MANY_ON_CPU, ON_GPU = 2, 8, 64  # images of a batch of `embed_alike`


class SiameseNetwork(nn.Module):
    """One encoder for both images of a pair: its embeddings are compared by Euclidean distance.

    Raises ValueError for an unknown encoder or an image size that the encoder cannot take.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config)
        self.is_alike: dict[tuple, bool] = {}  # see `_rounds_alike`

    @property
    def unit_length(self) -> bool:
        """Whether every embedding has length 1."""
        return self.encoder.unit_length

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W), float in 0..1 -> embeddings (B, D), float32."""
        features = self.features(images)
        return F.normalize(features, dim=1) if self.unit_length else features

    def features(self, images: Tensor) -> Tensor:
        """The encoder's features (B, D); but in training, the mean of those of `config.views` views of each image."""
        return _mean(self._of_each_view(images))

    forward = embed

    def measure(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """As `embed`, and how long the features of each image are: float32 (B, D) and (B,).

        Of several views, the less these agree, the shorter: times the length of the mean of their directions (the mean
        resultant length, Mardia and Jupp 2000), to the power of AGREEMENT. What an encoder knows, it knows a little turned.
        """
        each = self._of_each_view(images)
        features = _mean(each)  # (B, D)
        lengths = features.norm(dim=1)
        if len(each) > 1:
            lengths = lengths * _mean([F.normalize(one, dim=1) for one in each]).norm(dim=1) ** AGREEMENT
        return F.normalize(features, dim=1) if self.unit_length else features, lengths

    def _of_each_view(self, images: Tensor) -> list[Tensor]:
        return [self.encoder.features(view) for view in views_of(images, 1 if self.training else self.config.views)]

    def embed_alike(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `embed_alike`, as arrays: what a Verifier asks of whatever computes embeddings."""
        embeddings, lengths = embed_alike(self, images)
        return embeddings.numpy(), lengths.numpy()

    def for_inference(self) -> "SiameseNetwork":
        """A copy that computes the same sooner on a processor, but for rounding; itself on another device.

        Batch normalisation becomes part of the convolution before it, and the channels of a pixel lie beside each other.
        """
        if _device_of(self).type != "cpu":
            return self
        quick = copy.deepcopy(self).eval()
        for part in [each for each in quick.modules() if isinstance(each, nn.Sequential)]:
            for place, (first, second) in enumerate(itertools.pairwise(list(part))):
                if type(first) is nn.Conv2d and type(second) is nn.BatchNorm2d:
                    part[place], part[place + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
        return quick.to(memory_format=torch.channels_last)

    def fingerprint(self) -> str:
        """SHA-256 over all that embeddings depend on: they are comparable only where it is the same."""
        digest = hashlib.sha256(b"" if self.config.views == 1 else f"{self.config.views} views".encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def _mean(each: list[Tensor]) -> Tensor:
    return each[0] if len(each) == 1 else sum(each) / len(each)


def embed_and_measure(network: SiameseNetwork, images: np.ndarray | Tensor) -> tuple[Tensor, Tensor]:
    """As `embed_all`, and how long the encoder's features of each image are: float32 (N, D) and (N,)."""
    network.eval()
    embeddings, lengths = [], []
    with torch.inference_mode():
        for part in in_parts(images):
            embedded, measured = network.measure(part.to(_device_of(network)))
            embeddings.append(embedded.cpu())
            lengths.append(measured.cpu())
    return torch.cat(embeddings), torch.cat(lengths)


def embed_alike(network: SiameseNetwork, images: np.ndarray) -> tuple[Tensor, Tensor]:
    """As `embed_and_measure`, with the same bits for an image whatever the others are: alone, or at any place of many.

    How a processor rounds depends on the size of a batch, and not on the place in it, so all are encoded in batches of one
    size, the last one filled up. Of two: larger ones cost one image by itself more. Many are encoded by eights where these
    were seen to round as twos do, which takes three fifths of the time (tests/benchmarks/same_bits.py). Of numbers each by
    itself: the small products of their networks do depend on the place, and are soon done.
    """
    network.eval()
    few, many = (FEW_ON_CPU, MANY_ON_CPU) if _device_of(network).type == "cpu" else (ON_GPU, ON_GPU)
    if network.config.shape is not None:
        few = many = 1
    if len(images) > many // 2 and not _rounds_alike(network, images.shape[1:], images.dtype, few, many):
        many = few
    embeddings, lengths, done = [], [], 0
    with torch.inference_mode():
        while done < len(images):
            size = many if len(images) - done > many // 2 else few
            part = images[done : done + size]
            embedded, measured = network.measure(_filled_up(network, part, size))
            embeddings.append(embedded[: len(part)].cpu())
            lengths.append(measured[: len(part)].cpu())
            done += size
    return torch.cat(embeddings), torch.cat(lengths)


def _filled_up(network: SiameseNetwork, images: np.ndarray, size: int) -> Tensor:
    """At most `size` images (N, H, W) or (N, H, W, 3) as a batch of that size (B, C, H, W), the last one repeated."""
    filled = np.concatenate([images, np.repeat(images[-1:], size - len(images), axis=0)])
    return to_tensor(filled).to(_device_of(network))


def _rounds_alike(network: SiameseNetwork, shape: tuple[int, ...], dtype: np.dtype, few: int, many: int) -> bool:
    """Whether an image has the same features to the bit in a batch of `few` and of `many`; tried once on noise.

    In which order a processor adds depends on sizes and not on what is added, and in another order nearly all of the sums
    of noise come out with other bits.
    """
    if few == many:
        return True
    key = (few, many, *shape, torch.get_num_threads())
    if key not in network.is_alike:
        noise = np.random.default_rng(0).integers(0, 256, (many, *shape))
        noise = noise.astype(np.uint8) if dtype == np.uint8 else (noise / 255).astype(dtype)  # gates are not to saturate
        with torch.inference_mode():
            parts = [noise[start : start + few] for start in range(0, many, few)]
            by_few = torch.cat([network.features(_filled_up(network, part, few)) for part in parts])
            network.is_alike[key] = torch.equal(by_few, network.features(_filled_up(network, noise, many)))
    return network.is_alike[key]


def embed_all(
    network: SiameseNetwork, images: np.ndarray | Tensor, batch_size: int = MOST_AT_ONCE, progress: str | None = None
) -> Tensor:
    """Embeddings of many images, in evaluation mode and without gradients: float32 (N, D) on the CPU.

    `images` are canonical ones, uint8 (N, H, W) or (N, H, W, 3), in memory or in a file, or float (N, C, H, W) in 0..1; or
    canonical arrays of another input, see siamese.inputs. They
    are encoded in parts (see `in_parts`), so that memory does not grow with their number, the embeddings aside.
    `progress` names a progress bar, which a terminal shows.
    """
    network.eval()
    parts = list_of_parts(images, batch_size)
    with torch.inference_mode():
        shown = tqdm(
            in_parts(images, batch_size), progress, len(parts), disable=True if progress is None else None, leave=False
        )
        return torch.cat([network(part.to(_device_of(network))).cpu() for part in shown])


def in_parts(images: np.ndarray | Tensor, batch_size: int = MOST_AT_ONCE) -> Iterator[Tensor]:
    """All of the images in their order, as of `embed_all`, some at a time: float32 (B, C, H, W) in 0..1.

    B is at most `batch_size`, and so that B x H x W (of sequences B x T x F) is at most PIXELS_AT_ONCE, or 1: what is made
    of the images at a time takes 19 MB of floats in colour, and an encoder's maps of 32 channels at full size 205 MB each,
    whatever N is.
    """
    for part in list_of_parts(images, batch_size):
        yield to_tensor(images[part])
        let_go(images)


def list_of_parts(images: np.ndarray | Tensor, batch_size: int = MOST_AT_ONCE) -> list[slice]:
    """Which images each of the parts of `in_parts` is of."""
    is_float_image = images.ndim == 4 and images.dtype not in (np.uint8, torch.uint8)  # (N, C, H, W)
    size = min(batch_size, max(1, PIXELS_AT_ONCE // math.prod(images.shape[2:] if is_float_image else images.shape[1:3])))
    return [slice(start, start + size) for start in range(0, max(1, len(images)), size)]


def _device_of(network: SiameseNetwork) -> torch.device:
    return next(network.parameters()).device
