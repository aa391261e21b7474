"""The Python API: ``DerivaML``, ``Execution`` and the other objects that a program works with."""
