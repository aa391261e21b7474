"""The page in a real browser: Debian's Chromium, headless, with its network cut off."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from dml.lineage.exports import render

from .graphs import HOSTILE, small, wide

BROWSER = shutil.which("chromium")

_VISITOR = """
<script>
window.addEventListener("load", () => {
  const said = {};
  window.alert = () => { said.alerted = true; };
  const node = [...document.querySelectorAll(".node")].find(one => one.dataset.key === KEY);
  node.dispatchEvent(new MouseEvent("click", {bubbles: true}));
  const details = document.getElementById("details");
  said.shown = !details.hidden;
  said.texts = [...details.querySelectorAll("dd")].map(one => one.textContent);
  const view = document.getElementById("view"), before = view.getAttribute("viewBox");
  window.dispatchEvent(new KeyboardEvent("keydown", {key: "+"}));
  said.zoomed = before !== view.getAttribute("viewBox");
  window.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
  said.closed = details.hidden;
  said.boxes = document.querySelectorAll(".node").length;
  said.loaded = performance.getEntriesByType("resource").length;
  document.body.replaceChildren(Object.assign(document.createElement("pre"), {textContent: JSON.stringify(said)}));
});
</script>
"""


def visit(page: str, key: str, directory: Path) -> dict[str, object]:
    """Open a page, click the box of ``key``, zoom and close; what was seen."""
    assert BROWSER is not None, "chromium is needed: apt-get install chromium"
    path = directory / "page.html"
    path.write_text(page.replace("</body>", _VISITOR.replace("KEY", json.dumps(key)) + "</body>"), encoding="utf-8")
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    arguments += [
        f"--user-data-dir={directory / 'profile'}",
        "--virtual-time-budget=30000",
        "--dump-dom",
        path.as_uri(),
    ]
    done = subprocess.run([BROWSER, *arguments], capture_output=True, text=True, timeout=120, check=True)
    text = done.stdout.partition("<pre>")[2].partition("</pre>")[0]
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return dict(json.loads(text))


@pytest.mark.parametrize("text", [*HOSTILE[:3], HOSTILE[5]], ids=range(4))
def test_a_click_shows_details_and_hostile_text_does_nothing(text: str, tmp_path: Path) -> None:
    seen = visit(render("html", small(text)), "2-E", tmp_path)
    assert (seen["shown"], seen["zoomed"], seen["closed"], seen["boxes"]) == (True, True, True, 7)
    assert "alerted" not in seen
    assert "Uploaded" in seen["texts"]  # type: ignore[operator]
    assert seen["loaded"] == 0


def test_ten_thousand_executions_can_be_clicked(tmp_path: Path) -> None:
    seen = visit(render("html", wide(10_000)), "1-270F", tmp_path)
    assert (seen["shown"], seen["boxes"]) == (True, 20_001)
