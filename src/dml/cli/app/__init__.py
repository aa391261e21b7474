"""The frame of the command line: how a command is declared, run, completed and how its output is shown."""
