"""Networks whose computation depends on the lengths of their inputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Padded(nn.Module):
    """Pads signals to a multiple of 4, as networks do that halve the length several times."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv1d(3, 4, 4, 4)
        self.up = nn.ConvTranspose1d(4, 3, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.up(torch.relu(self.down(functional.pad(x, (0, (-x.shape[-1]) % 4)))))
        return y[..., : x.shape[-1]]


class Windows(nn.Module):
    """Attends within shifted windows of 4×4 pixels of images of any size, as Swin does.

    Args:
        branch: whether to pad, like the original, only if the size is not a multiple of 4.
    """

    def __init__(self, branch: bool) -> None:
        super().__init__()
        self.branch = branch
        self.qkv = nn.Linear(8, 24)
        self.bias = nn.Parameter(torch.randn(16, 16))

    def forward(self, x: Tensor) -> Tensor:
        n, h, w, c = x.shape
        if self.branch:
            if h % 4 or w % 4:
                x = functional.pad(x, (0, 0, 0, (4 - w % 4) % 4, 0, (4 - h % 4) % 4))
        else:
            x = functional.pad(x, (0, 0, 0, (-w) % 4, 0, (-h) % 4))
        height, width = x.shape[1], x.shape[2]
        x = torch.roll(x, (-2, -2), (1, 2))
        x = x.view(n, height // 4, 4, width // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        q, k, v = self.qkv(x).chunk(3, -1)
        x = torch.softmax(q @ k.transpose(1, 2) / 8**0.5 + self.bias, -1) @ v
        x = x.view(n, height // 4, width // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(n, height, width, c)
        return torch.roll(x, (2, 2), (1, 2))[:, :h, :w]


class Positions(nn.Module):
    """Adds positions that are interpolated to the size of the image, as Vision Transformers do."""

    def __init__(self, branch: bool) -> None:
        super().__init__()
        self.branch = branch
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.positions = nn.Parameter(torch.randn(1, 8, 3, 3))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patches(x)
        if self.branch and y.shape[2] == 3 and y.shape[3] == 3:
            positions: Tensor = self.positions
        else:
            positions = functional.interpolate(self.positions, y.shape[2:], mode="bilinear", align_corners=False)
        result: Tensor = self.head(torch.relu(y + positions).mean((2, 3)))
        return result


class Chunks(nn.Module):
    """Attends within chunks of 4 steps of a sequence, of which the last one can be shorter."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(6, 18)

    def forward(self, x: Tensor) -> Tensor:
        n, length, c = x.shape
        padding = (-length) % 4
        q, k, v = functional.pad(self.qkv(x), (0, 0, 0, padding)).view(n, -1, 4, 3 * c).chunk(3, -1)
        steps = torch.arange(length + padding, device=x.device).view(1, -1, 1, 4)
        scores = (q @ k.transpose(-1, -2)).masked_fill(steps >= length, float("-inf"))
        return (torch.softmax(scores, -1) @ v).reshape(n, -1, c)[:, :length]


class Memory(nn.Module):
    """Has a branch for short sequences and positions for at most 12 steps."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Embedding(12, 6)
        self.mix = nn.Conv1d(6, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] > 12:
            raise ValueError("the sequence is too long")
        x = x + self.positions(torch.arange(x.shape[1], device=x.device))
        if x.shape[1] < 3:
            return x.mean(1)
        y: Tensor = self.mix(x.transpose(1, 2)).amax(2)
        return y


class Pooled(nn.Module):
    """Pools incomplete windows."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.ReLU(),
            nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False),
            nn.MaxPool2d(2, 2, padding=1, ceil_mode=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layers(x)
        return result


class Layer(nn.Module):
    """Returns the first output of a recurrent layer.

    Args:
        layer: the layer.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x)[0]
        return result


class Streaming(nn.Module):
    """Runs a recurrent layer from given states, and returns the states after the last step, too.

    Args:
        layer: the layer.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        y, after = self.layer(x, states if len(states) > 1 else states[0])
        return (y, *after) if len(states) > 1 else (y, after)


class Attention(nn.Module):
    """Attends to its input.

    Args:
        batch_first: whether the batch is the first axis.
    """

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(8, 2, batch_first=batch_first)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x, x, x, need_weights=False)[0]
        return result
