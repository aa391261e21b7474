"""The Python API: ``DerivaML``, ``Execution`` and the other objects that programs use."""
