"""A user's experiments: the project, its Hydra configuration, and running it with provenance.

The public names are those that configuration modules import, the same as in ``deriva_ml.execution``. Each is loaded
when it is first used, because most need hydra-zen.
"""

from dml.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__, __file__)
