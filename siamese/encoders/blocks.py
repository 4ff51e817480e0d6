"""Convolution blocks that several encoders are made of."""

from torch import Tensor, nn


def convolution(in_channels: int, out_channels: int, side: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, side, stride, padding=side // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class ResidualBlock(nn.Module):
    """A block whose output is added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)
