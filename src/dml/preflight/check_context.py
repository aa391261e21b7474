"""What every check is given, and the one interface of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dml.execution.requested_inputs import RequestedAsset, RequestedDataset
from dml.preflight.results import Result

if TYPE_CHECKING:
    from dml.catalog.lazy import Lazy
    from dml.execution.catalog_facts import CatalogFacts
    from dml.execution.input_cache_tiers import CacheTiers
    from dml.preflight.code_facts import CodeFacts
    from dml.preflight.run_plan import RunPlan
    from dml.workspace.layout import Workspace

__all__ = ["Check", "CheckContext"]


@dataclass(frozen=True)
class CheckContext:
    """What a check may look at.

    Attributes:
        subject: What is examined.
        catalog: What the catalog says; None when it is not asked.
        without_catalog: Why it is not asked; empty when it is.
        tiers: The cache.
        workspace: Where the run would work; None without a target.
        code: What git says about the code, found once; None outside of a project.
        offline: Whether no network is to be used.
        exact: Whether sizes are read at the snapshots.
    """

    subject: RunPlan
    catalog: CatalogFacts | None
    without_catalog: str
    tiers: CacheTiers
    workspace: Workspace | None
    code: Lazy[CodeFacts] | None = None
    offline: bool = False
    exact: bool = False

    @property
    def datasets(self) -> tuple[RequestedDataset, ...]:
        """The datasets that are named, those named only by RID among them.

        Raises:
            DmlError: The catalog could not be asked what those are.
        """
        if not self.subject.either or self.catalog is None:
            return self.subject.datasets
        assets = self.catalog.rows().assets
        return (*self.subject.datasets, *(RequestedDataset(rid) for rid in self.subject.either if rid not in assets))

    @property
    def assets(self) -> tuple[RequestedAsset, ...]:
        """The assets that are named, likewise.

        Raises:
            DmlError: The catalog could not be asked what those are.
        """
        if not self.subject.either or self.catalog is None:
            return self.subject.assets
        assets = self.catalog.rows().assets
        return (*self.subject.assets, *(RequestedAsset(rid) for rid in self.subject.either if rid in assets))


Check = Callable[[CheckContext], Iterable[Result]]
"""A group of checks: yields its results. It raises nothing but the catalog's ``DmlError``: it could not look then."""
