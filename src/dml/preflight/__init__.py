"""Read-only checks before a run: they find in seconds what would otherwise fail after an hour."""
