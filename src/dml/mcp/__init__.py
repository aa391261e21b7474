"""DERIVA-ML for assistants, over the Model Context Protocol: tools and resources that run dml's own commands.

``commands`` runs one command in a separate process and reads its JSON; ``tools`` and ``resources`` say which;
``server`` puts them behind standard input and output or behind HTTP on loopback. Needs the extra ``mcp``.
"""
