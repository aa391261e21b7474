"""The workspace of one target: its layout on disk, registry, locks, liveness and journal."""
