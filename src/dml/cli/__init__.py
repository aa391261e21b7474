"""The command line: parse, call one function of a domain room, render.

``frame`` says how a command group is written, ``commands`` lists the groups, ``__main__`` is the outermost frame.
"""
