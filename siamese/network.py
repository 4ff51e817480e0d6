"""Encoders, and the siamese network that runs one of them on both sides of a pair."""

import copy
import pickle

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from siamese.config import EncoderConfig, one_line, shorten
from siamese.encoders.hog import HOGEncoder
from siamese.training.distributed import BatchNorm1d, BatchNorm2d


class SeedEncoder(nn.Module):
    """The reference network: three convolutions, a 512-wide descriptor, and a learned diagonal metric on its differences.

    Its head (squared difference - linear with two outputs - softmax) depends only on the difference of the outputs, which
    is `bias - sum_k v_k (a_k - b_k)^2`. Here `v = metric^2`, and `metric` is folded into the embedding, so that plain
    Euclidean distance between embeddings is the learned metric.
    """

    default_dim = 512
    unit_length = False

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__()
        side = (image_size - 6) // 2 - 8  # after 7x7, pooling by 2 and two 5x5 convolutions without padding
        if side < 1:
            raise ValueError(f"encoder seed: image_size is {image_size} px, allowed: at least 24")
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 64, 7), nn.ReLU(), nn.MaxPool2d(2),  # (B, 64, 11, 11) for 28 px
            nn.Conv2d(64, 128, 5), nn.ReLU(),  # (B, 128, 7, 7)
            nn.Conv2d(128, 256, 5), nn.ReLU(),  # (B, 256, 3, 3)
            nn.Flatten(),  # (B, 2304)
            nn.Linear(256 * side * side, embedding_dim),
        )  # fmt: skip
        self.metric = nn.Parameter(torch.ones(embedding_dim))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).float() * self.metric  # (B, D)


class CompactEncoder(nn.Module):
    """A small convolutional network with batch normalisation; embeddings have length 1, so distances lie in 0..2."""

    default_dim = 64
    unit_length = True

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_block(channels, 32), *_block(32, 32), nn.MaxPool2d(2),  # (B, 32, 14, 14) for 28 px
            *_block(32, 64), *_block(64, 64), nn.MaxPool2d(2),  # (B, 64, 7, 7)
            *_block(64, 128), *_block(128, 128),
            nn.AdaptiveMaxPool2d(4),  # (B, 128, 4, 4) whatever the image size
            nn.Flatten(),
            nn.Linear(128 * 16, embedding_dim),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return F.normalize(self.layers(images).float(), dim=1)  # (B, D)


class ResidualEncoder(nn.Module):
    """A wider residual network at half the resolution; embeddings have length 1, so distances lie in 0..2.

    More accurate than compact on MNIST's own digits and faster on a CPU, but less so on digits of another style. Its first
    convolution halves the resolution: on a CPU, full-size maps cost more in memory traffic than they teach. The last
    normalisation centres embeddings, which otherwise start out all alike: the first steps would be spent on that.
    """

    default_dim = 64
    unit_length = True

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _block(channels, 32, 5, stride=2),  # (B, 32, 14, 14) for 28 px
            _block(32, 64), _Residual(64), nn.MaxPool2d(2),  # (B, 64, 7, 7)
            _block(64, 160), _Residual(160), _Residual(160),  # (B, 160, 7, 7)
            nn.AdaptiveMaxPool2d(4),  # (B, 160, 4, 4) whatever the image size
            nn.Flatten(),
            nn.Linear(160 * 16, embedding_dim, bias=False), BatchNorm1d(embedding_dim),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return F.normalize(self.layers(images).float(), dim=1)  # (B, D)


def _block(in_channels: int, out_channels: int, side: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, side, stride, padding=side // 2, bias=False),
        BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """A block whose output is added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = _block(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class ResNet18Encoder(nn.Module):
    """torchvision's ResNet-18 (He et al. 2016), for photographs; embeddings have length 1, so distances lie in 0..2.

    `load_pretrained` starts it from ImageNet. Images below 64 px skip the first pooling, or too few pixels would be left.
    """

    default_dim = 128
    unit_length = True

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        import torchvision  # takes a second, for which what does without should not wait

        super().__init__()
        self.layers = torchvision.models.resnet18(norm_layer=BatchNorm2d)
        self.layers.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        if image_size < 64:
            self.layers.maxpool = nn.Identity()
        self.layers.fc = nn.Linear(512, embedding_dim)

    def forward(self, images: Tensor) -> Tensor:
        images = (images - 0.45) / 0.225  # mean and standard deviation of ImageNet's channels, their average for all three
        return F.normalize(self.layers(images).float(), dim=1)  # (B, D)

    def load_pretrained(self) -> None:
        """Take over the weights that torchvision offers (ImageNet-1k), the last layer aside.

        They are downloaded where torch's cache does not hold them. Raises ValueError where that fails.
        """
        from torchvision.models import ResNet18_Weights

        try:
            weights = ResNet18_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:  # no network or disk; a damaged file
            raise ValueError(
                f"the pretrained weights of resnet18 cannot be had: {one_line(str(error))}. Leave out --pretrained, or put "
                f"the file into {torch.hub.get_dir()}/checkpoints: {ResNet18_Weights.IMAGENET1K_V1.url}"
            ) from error
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith("fc.")}
        if self.layers.conv1.in_channels == 1:  # grey is the same value in all three channels
            weights["conv1.weight"] = weights["conv1.weight"].sum(dim=1, keepdim=True)
        self.layers.load_state_dict(weights, strict=False)  # not strict for `fc` alone


ENCODERS: dict[str, type[nn.Module]] = {
    "compact": CompactEncoder,
    "residual": ResidualEncoder,
    "seed": SeedEncoder,
    "resnet18": ResNet18Encoder,
    "hog": HOGEncoder,
}


class SiameseNetwork(nn.Module):
    """One encoder for both images of a pair: its embeddings are compared by Euclidean distance.

    Raises ValueError for an unknown encoder or an image size that the encoder cannot take.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder_class(config.name)(config.embedding_dim, config.image_size, config.channels)

    @property
    def unit_length(self) -> bool:
        """Whether every embedding has length 1."""
        return self.encoder.unit_length

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W), float in 0..1 -> embeddings (B, D), float32."""
        return self.encoder(images)

    forward = embed


def encoder_class(name: str) -> type[nn.Module]:
    """The class that `name` stands for in ENCODERS. Raises ValueError with the choices."""
    if name not in ENCODERS:
        raise ValueError(f"unknown encoder {shorten(name)}, available: {', '.join(ENCODERS)}")
    return ENCODERS[name]


class WeightAverage:
    """A network whose weights are the running average of those of a network in training.

    It looks back on a `share` of the steps so far, as averaging with polynomial decay does (Shamir and Zhang 2013): early on
    it forgets the poor beginning at once, at the end it rests on many steps. A share of 1 is the mean of all, 0 no average.
    """

    def __init__(self, network: SiameseNetwork, share: float) -> None:
        self.network = copy.deepcopy(network)
        self.share = share

    @torch.no_grad()
    def update(self, network: SiameseNetwork, step: int) -> None:
        """Take in the weights after `step` steps, counted from 1."""
        weight = 1 / max(1.0, self.share * step)
        for average, latest in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if average.is_floating_point():
                average.lerp_(latest, weight)
            else:
                average.copy_(latest)


def embed_all(network: SiameseNetwork, images: Tensor, batch_size: int = 1000, progress: str | None = None) -> Tensor:
    """Embeddings of many images, in evaluation mode and without gradients: (N, C, H, W) -> float32 (N, D) on the CPU.

    `progress` names a progress bar on the terminal.
    """
    network.eval()
    device = next(network.parameters()).device
    chunks = tqdm(images.split(batch_size), progress, disable=progress is None, leave=False)
    with torch.inference_mode():
        return torch.cat([network(chunk.to(device)).cpu() for chunk in chunks])
