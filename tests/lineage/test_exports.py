"""Each format is read back by someone else's parser, with ordinary and with hostile text."""

from __future__ import annotations

import json
import re
import uuid
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.generated import (
    dataset_version_dataset,
    datasource_dataset,
    documentation_job,
    error_message_run,
    parent_run,
    source_code_location_job,
)
from prov.model import ProvActivity, ProvDocument, ProvEntity
from rocrate.rocrate import ROCrate

from dml.errors import UsageError
from dml.lineage.exports import FORMATS, render
from dml.lineage.exports.layout import HEIGHT, WIDTH, arrange
from dml.lineage.graph import Edge, EdgeKind, Graph
from dml.lineage.nodes import Asset, Execution

from .graphs import HOSTILE, TARGET, small, wide

texts = pytest.mark.parametrize("text", ["Train", *HOSTILE], ids=range(len(HOSTILE) + 1))


@pytest.mark.parametrize("name", FORMATS)
@texts
def test_no_text_of_a_catalog_reaches_a_file_as_control(name: str, text: str) -> None:
    found = render(name, small(text))
    assert found == render(name, small(text))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", found)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown format 'pdf'"):
        render("pdf", small())


@texts
def test_svg_is_well_formed(text: str) -> None:
    root = ElementTree.fromstring(render("svg", small(text)))
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names == {"svg", "title", "style", "g", "rect", "text", "path"}
    assert len([one for one in root.iter() if one.get("data-key")]) == 7


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.remote: list[str] = []
        self.data = ""
        self._reading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self._reading = tag == "script" and ("id", "data") in attrs
        self.remote += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href") or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self._reading:
            self.data += data
            self._reading = False


@texts
def test_the_page_is_whole_and_alone(text: str) -> None:
    page = _Page()
    page.feed(render("html", small(text)))
    assert page.scripts == 2
    assert page.remote == []
    assert set(json.loads(page.data)) == set(small().graph.nodes)


@texts
def test_prov_round_trips_through_the_prov_library(text: str) -> None:
    document = ProvDocument.deserialize(content=render("prov", small(text)), format="json")
    again = ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
    assert document == again
    assert len(list(document.get_records(ProvActivity))) == 3
    assert len(list(document.get_records(ProvEntity))) == 5


@texts
def test_prov_follows_the_schema_of_prov_json(text: str) -> None:
    validator = Draft4Validator(json.loads((files("prov") / "tests" / "schemas" / "prov-json.schema.json").read_text()))
    found = json.loads(render("prov", small(text)))
    assert [error.message[:200] for error in validator.iter_errors(found)] == []
    found["entity"]["dml:x"] = 7
    assert list(validator.iter_errors(found)), "the schema looks at what is written"


FACETS = {
    "ParentRunFacet": parent_run.ParentRunFacet,
    "ErrorMessageRunFacet": error_message_run.ErrorMessageRunFacet,
    "DocumentationJobFacet": documentation_job.DocumentationJobFacet,
    "SourceCodeLocationJobFacet": source_code_location_job.SourceCodeLocationJobFacet,
    "DatasetVersionDatasetFacet": dataset_version_dataset.DatasetVersionDatasetFacet,
    "DatasourceDatasetFacet": datasource_dataset.DatasourceDatasetFacet,
}
"""The classes that OpenLineage generates from its own schemas: a field too many or too few is refused."""


def check_facet(facet: dict[str, Any]) -> None:
    """Read a facet with the class of its schema, which gives the same fields back."""
    values = dict(facet)
    assert values.pop("_producer").startswith("urn:deriva-dml:")
    revision, name = re.fullmatch(
        r"https://openlineage\.io/spec/facets/(\d+-\d+-\d+)/(\w+)\.json#/\$defs/\2", values.pop("_schemaURL")
    ).groups()  # type: ignore[union-attr]
    known = re.search(r"/facets/(\d+)-", FACETS[name]._get_schema())
    assert known is not None
    assert revision.partition("-")[0] == known[1], "within a major revision fields are only added"
    if name == "ParentRunFacet":
        values = {"run": parent_run.Run(**values["run"]), "job": parent_run.Job(**values["job"])}
    FACETS[name](**values)


@texts
def test_openlineage_events_have_the_clients_shape(text: str) -> None:
    subject = small(text)
    events = [json.loads(line) for line in render("openlineage", subject).splitlines()]
    assert [event["eventType"] for event in events] == ["COMPLETE", "FAIL"]
    for event in events:
        RunEvent(
            eventTime=event["eventTime"],
            producer=event["producer"],
            run=Run(runId=event["run"]["runId"]),
            job=Job(**{name: event["job"][name] for name in ("namespace", "name")}),
            eventType=RunState[event["eventType"]],
            inputs=[InputDataset(one["namespace"], one["name"]) for one in event["inputs"]],
            outputs=[OutputDataset(one["namespace"], one["name"]) for one in event["outputs"]],
        )
        for part in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
            for facet in part["facets"].values():
                check_facet(facet)
    first = events[0]
    address = "https://data.example.org/ermrest/catalog/7/2-"
    assert first["run"]["runId"] == str(uuid.uuid5(uuid.NAMESPACE_URL, f"{address}E"))
    assert first["run"]["facets"]["parent"]["run"]["runId"] == str(uuid.uuid5(uuid.NAMESPACE_URL, f"{address}F"))


@texts
def test_rocrate_is_read_by_its_library(text: str, tmp_path: Path) -> None:
    (tmp_path / "ro-crate-metadata.json").write_text(render("rocrate", small(text)), encoding="utf-8")
    crate = ROCrate(str(tmp_path))
    assert crate.root_dataset["conformsTo"].id == "https://w3id.org/ro/wfrun/process/0.5"
    actions = {one.id: one for one in crate.get_by_type("CreateAction")}
    assert len(actions) == 3
    run = actions["https://data.example.org/id/7/2-E"]
    assert run["instrument"].type == "SoftwareApplication"
    assert {one.id.rstrip("/") for one in run["object"]} == {
        "https://data.example.org/id/7/1-D@2-ABC",
        "https://data.example.org/id/7/1-S",
    }
    assert "https://data.example.org/hatrac/Model/d.bin" in {one.id for one in run["result"]}
    entities = json.loads(render("rocrate", small(text)))["@graph"]
    names = [entity["@id"] for entity in entities]
    assert len(names) == len(set(names))
    referred = set(re.findall(r'\{"@id": "([^"]+)"\}', json.dumps(entities)))
    assert referred - set(names) <= {"https://w3id.org/ro/crate/1.1"}


@texts
def test_dot_and_mermaid_keep_one_statement_a_line(text: str) -> None:
    dot = render("dot", small(text)).splitlines()
    assert len(dot) == 3 + 7 + 6 + 1
    assert all(len(re.findall(r'(?<!\\)"', line)) % 2 == 0 for line in dot)
    mermaid = render("mermaid", small(text)).splitlines()
    assert len(mermaid) == 1 + 7 + 6 + 2 + 1
    assert all(line.count('"') in (0, 2) for line in mermaid)


def test_no_box_lies_on_another_even_in_circles() -> None:
    runs = [Execution(f"1-{number}") for number in range(6)]
    files = [Asset(f"2-{number}", "eye:Image") for number in range(6)]
    edges = [Edge(run.rid, file.rid, EdgeKind.output) for run, file in zip(runs, files, strict=True)]
    edges += [Edge(file.rid, runs[(place + 1) % 6].rid, EdgeKind.input) for place, file in enumerate(files)]
    positions = list(arrange(Graph.of([*runs, *files], edges)).positions.values())
    apart = [
        abs(a[0] - b[0]) >= WIDTH or abs(a[1] - b[1]) >= HEIGHT
        for n, a in enumerate(positions)
        for b in positions[n + 1 :]
    ]
    assert all(apart)


def test_ten_thousand_executions_are_rendered_in_every_format() -> None:
    subject = wide(10_000)
    for name in FORMATS:
        assert len(render(name, subject)) < 30_000_000
    assert subject.target == TARGET
