"""What the sweeps are for, in Markdown."""

LR_SWEEP = """# Learning rates

It's a sweep of *four* rates, 'small' to "large"."""
