"""What would have failed an hour later, found in seconds: read-only checks before a run, and their report."""
