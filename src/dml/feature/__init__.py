"""Features: the values that executions give to rows of a catalog, staged, read and written to files."""
