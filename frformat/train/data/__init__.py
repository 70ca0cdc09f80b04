"""Data sets for training and tests, as tensors of bytes in an order that never changes.

>>> train = load_mnist("train")
>>> images, labels = train.tensors
>>> logits = LeNet5()(MNIST_PIXELS(images[:32]))

Nothing is downloaded. Each loader takes the folder that contains the data sets; the default is the folder named
by the environment variable ``FRFORMAT_DATA``, or else ``../shared/data``. If something is missing, the error says how
to get it. The digits and the photograph are part of scikit-learn.
"""

from frformat.train.data.cifar10 import CIFAR10_CLASSES, load_cifar10
from frformat.train.data.digits import load_digits
from frformat.train.data.errors import DataError, MissingDataError
from frformat.train.data.masks import MaskFolder, load_carvana, load_isbi
from frformat.train.data.mnist import load_mnist
from frformat.train.data.photo import load_photo
from frformat.train.data.pixels import DIGITS_PIXELS, IMAGENET_PIXELS, MNIST_PIXELS, UNIT_PIXELS, Pixels

__all__ = [
    "CIFAR10_CLASSES",
    "DIGITS_PIXELS",
    "IMAGENET_PIXELS",
    "MNIST_PIXELS",
    "UNIT_PIXELS",
    "DataError",
    "MaskFolder",
    "MissingDataError",
    "Pixels",
    "load_carvana",
    "load_cifar10",
    "load_digits",
    "load_isbi",
    "load_mnist",
    "load_photo",
]
