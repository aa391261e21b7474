"""The checks, one module per group. Each defines ``GROUP`` and ``check``, a ``check_context.Check``."""
