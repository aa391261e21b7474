"""Random provenance, damaged records included: the walk equals a computation in memory that knows no catalog."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dml.lineage.forward import GraphResult, lookup_descendants
from dml.lineage.graph import EdgeKind
from dml.lineage.lookup import lookup_lineage
from dml.lineage.result import LineageResult

from .story import Story

Step = tuple[str, str, EdgeKind]


@dataclass(frozen=True)
class Plan:
    """Who made and read what, by number; drawn by Hypothesis.

    Attributes:
        executions: How many.
        assets: For each its table, makers and readers (never the same execution).
        datasets: For each its versions: maker, members, and whether it is deleted.
        uses: Execution, dataset, version by its place (None: not recorded).
    """

    executions: int
    assets: list[tuple[int, frozenset[int], frozenset[int]]]
    datasets: list[tuple[bool, list[tuple[int | None, frozenset[int]]]]]
    uses: frozenset[tuple[int, int, int | None]]
    root: tuple[str, int, int | None]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    executions = draw(st.integers(1, 9))
    someone = st.integers(0, executions - 1)
    assets = []
    for _ in range(draw(st.integers(1, 8))):
        makers = draw(st.frozensets(someone, max_size=2))
        assets.append((draw(st.integers(0, 1)), makers, draw(st.frozensets(someone, max_size=3)) - makers))
    members = st.frozensets(st.integers(0, len(assets) - 1), max_size=4)
    version = st.tuples(st.none() | someone, members)
    datasets = draw(st.lists(st.tuples(st.booleans(), st.lists(version, max_size=3)), max_size=3))
    uses: dict[tuple[int, int], int | None] = {}
    roots = [("execution", number, None) for number in range(executions)]
    roots += [("asset", number, None) for number in range(len(assets))]
    for number, (_, versions) in enumerate(datasets):
        place = st.none() | st.integers(0, len(versions) - 1) if versions else st.none()
        uses |= {(who, number): draw(place) for who in draw(st.frozensets(someone, max_size=3))}
        roots += [("dataset", number, which) for which in range(len(versions))] or [("dataset", number, None)]
    used = frozenset((who, dataset, which) for (who, dataset), which in uses.items())
    return Plan(executions, assets, datasets, used, draw(st.sampled_from(roots)))


@dataclass
class Written:
    """The plan's things by RID."""

    executions: list[str]
    assets: list[str]
    datasets: list[str]
    version_rids: dict[tuple[int, int], str] = field(default_factory=dict)


def write(story: Story, plan: Plan) -> Written:
    runs = [story.execution() for _ in range(plan.executions)]
    assets = [
        story.asset(story.tables[table], made_by=[runs[n] for n in sorted(makers)], read_by=[runs[n] for n in readers])
        for table, makers, readers in plan.assets
    ]
    datasets = [story.dataset(Deleted=deleted) for deleted, _ in plan.datasets]
    written = Written(runs, assets, datasets)
    story.flush()
    for number, (_, versions) in enumerate(plan.datasets):
        present: frozenset[int] = frozenset()
        for place, (maker, members) in enumerate(versions):
            for table in (0, 1):
                leaving = [assets[n] for n in present - members if plan.assets[n][0] == table]
                coming = [assets[n] for n in members - present if plan.assets[n][0] == table]
                if leaving:
                    story.take(datasets[number], story.tables[table], leaving)
                if coming:
                    story.put(datasets[number], story.tables[table], coming)
            present = members
            made_by = runs[maker] if maker is not None else None
            written.version_rids[number, place] = story.version(datasets[number], f"0.{place + 1}.0", made_by)
    for who, dataset, which in plan.uses:
        story.use(runs[who], datasets[dataset], None if which is None else written.version_rids[dataset, which])
    story.flush()
    return written


class Memory:
    """The same provenance as plain sets, followed edge by edge."""

    def __init__(self, plan: Plan, written: Written) -> None:
        self.plan, self.written = plan, written

    def key(self, dataset: int, which: int | None) -> str:
        versions = self.plan.datasets[dataset][1]
        place = len(versions) - 1 if which is None else which
        return self.written.datasets[dataset] + (f"@0.{place + 1}.0" if versions else "")

    def root(self) -> str:
        kind, number, which = self.plan.root
        if kind == "dataset":
            return self.key(number, which)
        return (self.written.executions if kind == "execution" else self.written.assets)[number]

    def all_steps(self) -> set[Step]:
        runs, plan = self.written.executions, self.plan
        steps: set[Step] = set()
        for number, (_, makers, readers) in enumerate(plan.assets):
            asset = self.written.assets[number]
            steps |= {(runs[maker], asset, EdgeKind.output) for maker in makers}
            steps |= {(asset, runs[reader], EdgeKind.input) for reader in readers}
        for dataset, (_, versions) in enumerate(plan.datasets):
            for which, (maker, members) in enumerate(versions):
                key = self.key(dataset, which)
                steps |= {(runs[maker], key, EdgeKind.output)} if maker is not None else set()
                makers = {one for member in members for one in plan.assets[member][1]} - {maker}
                steps |= {(runs[one], key, EdgeKind.member) for one in makers}
        return steps | {(self.key(dataset, which), runs[who], EdgeKind.input) for who, dataset, which in plan.uses}

    def expected(self) -> set[Step]:
        steps, reached = self.all_steps(), {self.root()}
        while True:
            further = {source for source, target, _ in steps if target in reached} - reached
            if not further:
                return {step for step in steps if step[1] in reached}
            reached |= further

    def expected_onward(self) -> set[Step]:
        plan = self.plan
        used = {self.key(dataset, which) for _, dataset, which in plan.uses}
        steps = {step for step in self.all_steps() if step[2] is not EdgeKind.member}
        for dataset, (_, versions) in enumerate(plan.datasets):
            for which, (_, members) in enumerate(versions):
                if self.key(dataset, which) in used:
                    steps |= {(self.written.assets[one], self.key(dataset, which), EdgeKind.member) for one in members}
        reached = {self.root()}
        while True:
            further = {target for source, target, _ in steps if source in reached} - reached
            if not further:
                return {step for step in steps if step[0] in reached}
            reached |= further


def found(result: LineageResult | GraphResult) -> set[Step]:
    return {(edge.source, edge.target, edge.kind) for edge in result.graph.edges}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans())
def test_walk_equals_memory(story: Story, plan: Plan) -> None:
    written = write(story, plan)
    memory = Memory(plan, written)
    whole = lookup_lineage(story.catalog, memory.root(), max_executions=1000)
    by_level = lookup_lineage(story.catalog, memory.root(), max_executions=1000, preload_limit=0)
    assert found(whole) == memory.expected()
    assert found(by_level) == found(whole)
    assert by_level.graph == whole.graph
    assert (by_level.lineage, by_level.cycle_detected) == (whole.lineage, whole.cycle_detected)
    assert whole.walked_complete


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans())
def test_walk_onward_equals_memory(story: Story, plan: Plan) -> None:
    memory = Memory(plan, write(story, plan))
    kind, number, which = plan.root
    reference = memory.root() if kind != "dataset" or which is not None else memory.written.datasets[number]
    whole = lookup_descendants(story.catalog, reference, max_executions=1000)
    by_level = lookup_descendants(story.catalog, reference, max_executions=1000, preload_limit=0)
    expected = memory.expected_onward()
    notes = {edge.note for edge in whole.graph.edges}
    assert notes <= {"", "version not recorded"}
    assert found(whole) == expected
    assert found(by_level) == expected
    assert by_level.graph == whole.graph
