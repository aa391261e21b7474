"""The workspace: layout on disk, registry, locks, liveness and journal of one target."""
