"""What every check receives, and the interface that all checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dml.execution.requested_inputs import RequestedAsset, RequestedDataset
from dml.preflight.results import Result

if TYPE_CHECKING:
    from dml.catalog.lazy import Lazy
    from dml.execution.catalog_facts import CatalogFacts
    from dml.execution.input_cache_tiers import CacheTiers
    from dml.preflight.code_facts import CodeFacts
    from dml.preflight.run_plan import RunPlan
    from dml.workspace.layout import Workspace

__all__ = ["Check", "CheckContext", "describe_wrong_row"]


@dataclass(frozen=True)
class CheckContext:
    """What a check may use.

    Attributes:
        plan: The run that is checked.
        catalog: Facts read from the catalog; None when the catalog is not used.
        no_catalog_reason: Why the catalog is not used; empty when it is.
        tiers: What the cache holds of the inputs.
        workspace: The workspace of the run; None without a target.
        code: The state of the code in git, read once; None outside a project.
        offline: Whether the checks must not use the network.
        exact: Whether sizes are read at the datasets' snapshots.
    """

    plan: RunPlan
    catalog: CatalogFacts | None
    no_catalog_reason: str
    tiers: CacheTiers
    workspace: Workspace | None
    code: Lazy[CodeFacts] | None = None
    offline: bool = False
    exact: bool = False

    @property
    def datasets(self) -> tuple[RequestedDataset, ...]:
        """The datasets of the plan, including RIDs of unknown kind that turn out not to be assets.

        Raises:
            DmlError: The catalog could not be read.
        """
        if not self.plan.unclassified or self.catalog is None:
            return self.plan.datasets
        assets = self.catalog.rows().assets
        return (*self.plan.datasets, *(RequestedDataset(rid) for rid in self.plan.unclassified if rid not in assets))

    @property
    def assets(self) -> tuple[RequestedAsset, ...]:
        """The assets of the plan, including RIDs of unknown kind that turn out to be assets.

        Raises:
            DmlError: The catalog could not be read.
        """
        if not self.plan.unclassified or self.catalog is None:
            return self.plan.assets
        assets = self.catalog.rows().assets
        return (*self.plan.assets, *(RequestedAsset(rid) for rid in self.plan.unclassified if rid in assets))


Check = Callable[[CheckContext], Iterable[Result]]
"""A group of checks: yields its results. It raises only the ``DmlError`` of a catalog that could not be read."""


def describe_wrong_row(catalog: CatalogFacts, rid: str, kind: Literal["asset", "dataset"]) -> str:
    """A sentence about an RID that is not the asset or dataset that the plan says it is.

    Args:
        catalog: Facts read from the catalog.
        rid: The RID; not among the rows of ``kind``.
        kind: What the plan uses it as.
    """
    rows, details = catalog.rows(), catalog.details()
    if kind == "dataset" and rid in rows.assets:
        return f"{rid} is an asset of {rows.assets[rid].table.name}, not a dataset"
    if kind == "asset" and rid in rows.datasets:
        return f"{rid} is a dataset, not an asset"
    location = details.elsewhere.get(rid)
    if location is None:
        # Only the first few unknown RIDs are looked up in all tables, so the others may be rows of some table.
        return f"no {'row' if rid in details.looked_up else kind} {rid} in {catalog.catalog.target}"
    row = "deleted row" if location.deleted else "row"
    return f"{rid} is a {row} of {location.qualified_name}, not {'an asset' if kind == 'asset' else 'a dataset'}"
