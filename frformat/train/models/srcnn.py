"""The first convolutional network for super-resolution: 64-32 filters of 9-1-5 pixels, 8,129 parameters.

C. Dong, C. C. Loy, K. He and X. Tang, "Image super-resolution using deep convolutional networks", IEEE Transactions on
Pattern Analysis and Machine Intelligence 38(2), 2016. As in later networks, the layers predict what the enlarged image
lacks, which is added to it.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class SRCNN(nn.Module):
    """Three convolutions that sharpen a gray image, which has already been enlarged.

    Initially, the last convolution consists of zeros, so that training starts from the enlarged image.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 9, padding=4)
        self.conv2 = nn.Conv2d(64, 32, 1)
        self.conv3 = nn.Conv2d(32, 1, 5, padding=2)
        for parameter in self.conv3.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Return sharpened versions of images (n, 1, height, width), both float in 0 … 1."""
        missing: Tensor = self.conv3(F.relu(self.conv2(F.relu(self.conv1(x)))))
        return x + missing
