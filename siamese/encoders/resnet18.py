"""torchvision's ResNet-18, with or without ImageNet weights."""

import pickle

import torch
from torch import Tensor, nn

from siamese.config import one_line
from siamese.encoders.base import Encoder


class ResNet18Encoder(Encoder):
    """torchvision's ResNet-18 (He et al. 2016), for photographs; embeddings have length 1, so distances lie in 0..2.

    `load_pretrained` starts it from ImageNet. Images below 64 px skip the first pooling, or too few pixels would be left.
    """

    citation = "residual networks: He et al. (2016), *Deep Residual Learning for Image Recognition*"
    default_dim = 128
    has_pretrained = True

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        import torchvision  # takes a second, for which what does without should not wait

        super().__init__(embedding_dim, image_size, channels)
        self.layers = torchvision.models.resnet18()
        self.layers.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        if image_size < 64:
            self.layers.maxpool = nn.Identity()
        self.layers.fc = nn.Linear(512, embedding_dim)

    def features(self, images: Tensor) -> Tensor:
        images = (images - 0.45) / 0.225  # mean and standard deviation of ImageNet's channels, their average for all three
        return self.layers(images).float()  # (B, D)

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
