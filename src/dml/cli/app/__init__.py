"""The framework of the command line: declaring, running and completing commands, and showing their output."""
