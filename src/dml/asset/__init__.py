"""Assets: the files that a catalog knows, the executions that wrote and read them, and bringing files into place."""
