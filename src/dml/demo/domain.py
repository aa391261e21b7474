"""The tables of the example: images of digits, and the digit that each image shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dml.catalog.definitions import add_dataset_element_type, create_schema
from dml.catalog.ml_schema import initialise
from dml.catalog.vocabulary import add_terms
from dml.demo.digits import WORDS

if TYPE_CHECKING:
    from dml.api.deriva_ml import DerivaML

__all__ = ["SCHEMA", "define"]

SCHEMA: Final = "digits"


def define(ml: DerivaML) -> None:
    """Create the ``deriva-ml`` schema and the domain: a vocabulary, an asset table, a feature and an element type.

    What exists is left alone. Writes the catalog.
    """
    if SCHEMA in ml.catalog.schema().domain_schemas() and f"{SCHEMA}:Image" in ml.catalog.schema().element_tables():
        return
    initialise(ml.catalog, project_name="digits")
    create_schema(ml.catalog, SCHEMA, comment="Handwritten digits, the worked example of dml")
    ml.create_vocabulary("Digit", "The ten digits", schema=SCHEMA)
    add_terms(ml.catalog, "Digit", {str(digit): f"The digit {word}" for digit, word in enumerate(WORDS)})
    ml.create_asset("Image", comment="Images of handwritten digits, 8 by 8 pixels", schema=SCHEMA)
    ml.create_feature("Image", "Digit", terms=["Digit"], comment="The digit an image shows, as its writer meant it")
    add_dataset_element_type(ml.catalog, f"{SCHEMA}:Image")
