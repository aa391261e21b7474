"""Widgets of the dashboard; each takes plain data, reads no file and no socket, and can be used alone."""
