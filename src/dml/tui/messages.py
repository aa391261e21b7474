"""What the source tells the application; the snapshots travel by reference and are never changed."""

from __future__ import annotations

from textual.message import Message

from dml.tui.state import Details, Local, Remote


class LocalChanged(Message):
    """The workspace says something new."""

    def __init__(self, local: Local) -> None:
        super().__init__()
        self.local = local


class RemoteChanged(Message):
    """The catalog answered, or did not."""

    def __init__(self, remote: Remote) -> None:
        super().__init__()
        self.remote = remote


class SourceStopped(Message):
    """One side is not followed any more, because of a defect; a refresh tries again."""

    def __init__(self, part: str, error: Exception) -> None:
        super().__init__()
        self.part = part
        self.error = error


class DetailsChanged(Message):
    """The execution that is looked at closely changed, or another one is looked at."""

    def __init__(self, details: Details) -> None:
        super().__init__()
        self.details = details
