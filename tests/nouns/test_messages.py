"""What the nouns say when there is nothing to do or something is wrong, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.runner import normalised, run

from .conftest import Story

SAID = {
    ("workflow", "set", "1-ZZZZ"): (
        "error: nothing to change: use --description, --add-type or --remove-type\n",
        2,
    ),
    ("workflow", "show", "1-ZZZZ"): (
        "error: no workflow RID in local/1\nhint: Give a RID, URL or checksum; `dml workflow list` shows them.\n",
        6,
    ),
    ("workflow", "show", "Train"): (
        "error: no workflow Train in local/1\nhint: Give a RID, URL or checksum; `dml workflow list` shows them.\n",
        6,
    ),
    ("exec", "list", "--status", "Faild"): (
        "error: unknown execution status 'Faild'\nhint: Did you mean Failed? Statuses: Created, Running, Stopped, "
        "Failed, Pending_Upload, Uploaded, Aborted.\n",
        2,
    ),
    ("exec", "list", "--status", "failed"): ("no matching executions; `dml exec list` shows all\n", 0),
    ("exec", "list", "--workflow", "Nope"): ("no matching executions; `dml exec list` shows all\n", 0),
    ("dataset", "list", "--type", "Trainin"): (
        "error: Dataset_Type has no term 'Trainin'\nhint: Did you mean Training? Add it with `dml vocab add "
        "Dataset_Type 'Trainin' --description TEXT`.\n",
        6,
    ),
    ("feature", "values", "Image.Digit", "--execution", "1-ZZZZ"): (
        "error: No execution RID in local/1\nhint: Check the RID; dml exec list.\n",
        6,
    ),
    ("feature", "add", "Image.Digit", "--csv", "none.csv"): (
        "error: none.csv cannot be read: No such file or directory\nhint: Name another file.\n",
        2,
    ),
    ("feature", "create", "Image.Width", "--column", "Width:floaty"): (
        "error: unknown column type 'floaty'\nhint: Types: text, markdown, longtext, boolean, int2, int4, int8, "
        "float4, float8, numeric, date, timestamp, timestamptz, json, jsonb.\n",
        2,
    ),
    ("metrics", "1-ZZZZ"): ("error: No execution RID in local/1\nhint: Check the RID; dml exec list.\n", 6),
    ("asset", "show", "1-ZZZZ"): (
        "error: No row RID in local/1\nhint: Check the RID; dml asset list TABLE.\n",
        6,
    ),
    ("asset", "download"): ("error: no assets given: name RIDs or use --execution RID\n", 2),
    ("asset", "list", "--role", "Middle"): (
        "error: unknown asset role 'Middle'\nhint: Use Input or Output.\n",
        2,
    ),
    ("feature", "show", "Quality"): (
        "error: invalid feature name 'Quality'\nhint: Write TABLE.NAME, such as Image.Quality.\n",
        2,
    ),
    ("feature", "values", "Image.Digit", "--selector", "best"): (
        "error: unknown selector best\nhint: Use newest, first, all.\n",
        2,
    ),
    ("cite", "1-ZZZZ"): (
        "error: No row RID in local/1\nhint: Check the RID, and the catalog with `dml config`.\n",
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
