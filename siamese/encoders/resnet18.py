"""torchvision's ResNet-18, as older model folders have it; trainings take "timm/resnet18"."""

from torch import Tensor, nn

from siamese.encoders.base import Encoder


class ResNet18Encoder(Encoder):
    """torchvision's ResNet-18 (He et al. 2016), for photographs; embeddings have length 1, so distances lie in 0..2.

    Images below 64 px skip the first pooling, or too few pixels would be left.
    """

    citation = "residual networks: He et al. (2016), *Deep Residual Learning for Image Recognition*"
    default_dim = 128

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
