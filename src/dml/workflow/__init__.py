"""Workflows: where the code of an execution came from, and its registration in the catalog."""
