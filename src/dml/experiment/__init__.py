"""The user's own experiments: their project, its Hydra configuration, and running it with provenance.

The names below are those that configuration modules import, as ``deriva_ml.execution`` has them; each is loaded when it
is first used, because most need hydra-zen.
"""

from dml.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__, __file__)
