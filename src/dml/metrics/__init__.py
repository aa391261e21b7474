"""Metrics: what executions measured, step by step; reading and plotting them."""
