"""What a user may not read, and what a snapshot does not have, is said and does not end the walk."""

from __future__ import annotations

from typing import Any

import pytest
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from dml.catalog.connection import connect
from dml.errors import AuthError
from dml.lineage.lookup import lookup_lineage

from .story import Story
from .test_walk import steps, strategies


class Refusing(BaseAdapter):
    """Answers every request whose path holds a text as a server does that does not allow it."""

    def __init__(self, inner: BaseAdapter, text: str, status: int) -> None:
        super().__init__()
        self._inner, self._text, self._status = inner, text, status

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        response = self._inner.send(request, *args, **options)
        if self._text in (request.url or ""):
            response.status_code = self._status
        return response

    def close(self) -> None:
        self._inner.close()


def refusing(story: Story, text: str, status: int) -> Any:
    made = story.catalog._wire.adapter
    return connect(story.catalog.target, transport=lambda: Refusing(made(), text, status))


@strategies
def test_a_table_that_may_not_be_read_is_a_warning(story: Story, preload_limit: int) -> None:
    images, models = story.tables
    one, two = story.execution(), story.execution()
    story.asset(images, made_by=[one], read_by=[two])
    model = story.asset(models, made_by=[two])
    story.flush()
    catalog = refusing(story, f"{images}_Execution", 403)
    result = lookup_lineage(catalog, model, preload_limit=preload_limit)
    assert {source for source, _, _ in steps(result)} == {two}
    assert not result.walked_complete
    (warning,) = result.warnings
    assert f"{images}_Execution may not be read by you" in warning


def test_who_is_not_signed_in_is_told_so(story: Story) -> None:
    file = story.asset(made_by=[story.execution()])
    story.flush()
    with pytest.raises(AuthError):
        lookup_lineage(refusing(story, "_Execution", 401), file)


@strategies
def test_a_snapshot_that_is_gone_is_a_warning(story: Story, preload_limit: int) -> None:
    maker, reader = story.execution(), story.execution()
    dataset = story.dataset()
    story.put(dataset, story.tables[0], [story.asset(made_by=[maker])])
    version = story.version(dataset, "1.0.0")
    story.use(reader, dataset, version)
    story.flush()
    catalog = refusing(story, f"catalog/{story.catalog.target.catalog_id}@", 409)
    result = lookup_lineage(catalog, reader, preload_limit=preload_limit)
    assert {source for source, _, _ in steps(result)} == {f"{dataset}@1.0.0"}
    assert not result.walked_complete
    assert any("cannot be read: who made those members is unknown" in text for text in result.warnings)


def test_executions_that_cannot_be_read_are_nodes_that_say_so(story: Story) -> None:
    file = story.asset(made_by=[story.execution()])
    story.flush()
    result = lookup_lineage(refusing(story, "/E:=deriva-ml:Execution/", 403), file)
    assert result.root.producing_execution is not None
    assert result.root.producing_execution.status == "Unknown"
    assert not result.walked_complete
