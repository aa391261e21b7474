"""Scikit-learn's handwritten digits as files: 8 by 8 pixels, sixteen greys, a label from 0 to 9.

Nothing is downloaded: the images come with scikit-learn (the UCI *Optical Recognition of Handwritten Digits*).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dml.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["IMAGES", "WORDS", "Digit", "digits", "read_images", "source_file"]

IMAGES: Final = 600
"""How many of the 1,797 images the example uses: enough for an accuracy well above 0.9, few enough for seconds."""

WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""The names of the digits, in order."""

_GREYS = 16


@dataclass(frozen=True)
class Digit:
    """One image of a digit.

    Attributes:
        filename: Name of the image file.
        label: The digit that it shows, ``0`` to ``9``.
        pixels: Eight rows of eight greys, 0 to 255.
    """

    filename: str
    label: str
    pixels: np.ndarray

    def save(self, path: Path) -> None:
        """Write the image as a PNG file."""
        from PIL import Image

        Image.fromarray(self.pixels).save(path, format="PNG")


def digits(count: int = IMAGES) -> list[Digit]:
    """The first ``count`` images.

    Raises:
        UsageError: scikit-learn, NumPy or Pillow is not installed.
    """
    require_packages()
    from sklearn.datasets import load_digits

    dataset = load_digits()
    pixels = (dataset.images[:count] * 255 / _GREYS).round().astype("uint8")
    return [
        Digit(f"digit-{number:04}.png", str(label), image)
        for number, (image, label) in enumerate(zip(pixels, dataset.target[:count], strict=True))
    ]


def source_file() -> Path:
    """The file in scikit-learn that contains the images."""
    require_packages()
    import sklearn.datasets

    return Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"


def require_packages() -> None:
    """Check that the packages that the example needs are installed.

    Raises:
        UsageError: scikit-learn, NumPy or Pillow is not installed.
    """
    missing = [name for name in ("sklearn", "numpy", "PIL") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the example needs {', '.join(missing)}, which is not installed", hint="pip install 'deriva-dml[demo]'"
        )


def read_images(paths: list[Path]) -> np.ndarray:
    """Images as rows of 64 numbers from 0 to 1, in the order of the paths."""
    import numpy as np
    from PIL import Image

    rows = []
    for path in paths:
        with Image.open(path) as image:
            rows.append(np.asarray(image, dtype="float64").reshape(-1) / 255)
    return np.stack(rows)
