"""The worked example: handwritten digits from pixels to predictions, every step with its provenance.

``demo_catalog`` finds or creates the catalog. ``load``, ``split``, ``train`` and ``evaluate`` are the four executions,
written as a user of dml would write them. ``run`` makes one after the other and skips those that are done.
"""
