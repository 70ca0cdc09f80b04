"""LeNet-5 as used in the literature on compression: 20-50-500, 431,080 parameters.

The layers are those of Caffe's example, with a rectifier after each convolution:
Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86(11), 1998, and
https://github.com/BVLC/caffe/blob/master/examples/mnist/lenet.prototxt. The parameters' names are those of the pruned
network of https://github.com/IronySuzumiya/pytorch-admm-pruning.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class LeNet5(nn.Module):
    """Two convolutions and two linear layers for gray images of 28×28 pixels.

    The published weights expect pixels normalized by :data:`frformat.train.data.MNIST_PIXELS`.

    Args:
        classes: the number of logits.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(50 * 4 * 4, 500)
        self.fc2 = nn.Linear(500, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, classes) of images (n, 1, 28, 28), both float."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        logits: Tensor = self.fc2(x)
        return logits
