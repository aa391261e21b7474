"""The worked example that the nouns are tried on serves here as well."""

from __future__ import annotations

from nouns.conftest import catalog, example, story

__all__ = ["catalog", "example", "story"]
