"""What the nouns say when there is nothing to do or something is wrong, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.runner import normalised, run

from .conftest import Story

SAID = {
    ("workflow", "set", "1-ZZZZ"): (
        "error: There is nothing to set\nhint: Give --description, --add-type or --remove-type.\n",
        2,
    ),
    ("workflow", "show", "1-ZZZZ"): ("error: There is no workflow RID in local/1\nhint: dml workflow list\n", 6),
    ("asset", "show", "1-ZZZZ"): (
        "error: No row RID in local/1\nhint: Check the RID; dml asset list TABLE.\n",
        6,
    ),
    ("asset", "download"): ("error: Which assets?\nhint: Name RIDs, or --execution RID for all it made.\n", 2),
    ("asset", "list", "--role", "Middle"): (
        "error: 'Middle' is no role of an asset\nhint: Use Input or Output.\n",
        2,
    ),
    ("feature", "show", "Quality"): (
        "error: 'Quality' is no feature\nhint: Write TABLE.NAME, as in Image.Quality.\n",
        2,
    ),
    ("feature", "values", "Image.Digit", "--selector", "best"): (
        "error: best is no selector\nhint: Use newest, first, all.\n",
        2,
    ),
    ("cite", "1-ZZZZ"): (
        "error: No row RID in local/1\nhint: Check the RID, and the target: dml config.\n",
        6,
    ),
}


@pytest.mark.parametrize("words", list(SAID), ids=" ".join)
def test_what_is_said(story: Story, words: tuple[str, ...]) -> None:
    said, code = SAID[words]
    result = run(*words)
    assert (normalised(result.stderr), result.code) == (said, code)


def test_a_hostile_description_is_shown_and_does_no_harm(story: Story, tmp_path: Path) -> None:
    rid = run("workflow", "list", "--json").json["workflows"][0]["rid"]
    assert run("workflow", "set", rid, "-d", "[/x]\x1b[31m\u202eend").code == 0
    shown = run("workflow", "show", rid)
    assert shown.code == 0
    assert "[/x]" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "\u202e" not in shown.stdout
