"""The classifier of the example: one hidden layer, trained epoch by epoch, stored as plain arrays.

The model file is a NumPy archive of weights that is read without pickle, because a file from a catalog must not be able
to run code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Epoch", "Network", "train"]


@dataclass(frozen=True)
class Network:
    """The trained weights of the hidden layer and the output layer."""

    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    output_bias: np.ndarray

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The digit of each image (rows of pixels)."""
        import numpy as np

        activations = np.maximum(images @ self.hidden + self.hidden_bias, 0)
        digits: np.ndarray = np.argmax(activations @ self.output + self.output_bias, axis=1)
        return digits

    def save(self, path: Path) -> None:
        """Write the weights to a file."""
        import numpy as np

        with path.open("wb") as file:
            np.savez(file, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Network:
        """Read the weights that ``save`` wrote."""
        import numpy as np

        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Epoch:
    """The state of the training after one pass over the images."""

    number: int
    loss: float
    accuracy: float
    network: Network


def train(images: np.ndarray, digits: np.ndarray, *, epochs: int, seed: int) -> Iterator[Epoch]:
    """Train on images (rows of pixels) and their digits; yields the state after each epoch."""
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((64,), batch_size=32, learning_rate_init=3e-3, random_state=seed)
    for number in range(1, epochs + 1):
        model.partial_fit(images, digits, classes=np.arange(10))
        (hidden, output), (hidden_bias, output_bias) = model.coefs_, model.intercepts_
        network = Network(hidden, hidden_bias, output, output_bias)
        accuracy = float(np.mean(network.predict(images) == digits))
        yield Epoch(number, float(model.loss_), accuracy, network)
