"""Assets: the files of a catalog, the executions that read and wrote them, and files staged to become assets."""
