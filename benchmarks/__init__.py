"""What dml costs, measured beside what it is compared with: ``python -m benchmarks [NAME…]`` (``make bench``).

Each module here has ``TITLE`` and ``run() -> Iterator[str]``, which yields lines; no number is kept in the source.
"""
