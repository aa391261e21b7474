"""The worked example: handwritten digits from pixels to predictions, every step with its provenance.

``place`` finds or makes the catalog, ``load``, ``divide``, ``train`` and ``evaluate`` are the four executions, written
as a user of dml would write them, ``run`` does one after the other and skips what is done.
"""
