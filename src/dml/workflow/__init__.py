"""Where the code of an execution came from: git, notebook, container, environment; and its registration."""
