"""The checks, one module a group. Each has ``GROUP`` and ``check``, the interface of ``look.Check``."""
