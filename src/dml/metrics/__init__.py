"""The metrics of executions by step: reading and plotting them."""
