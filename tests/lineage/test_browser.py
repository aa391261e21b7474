"""The page in a real browser: Debian's Chromium, headless, with its network cut off."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from subprocess import DEVNULL

import pytest

from dml.lineage.exports import render

from .graphs import HOSTILE, small, wide

BROWSER = shutil.which("chromium")
LIMIT = 90
"""Seconds after which a browser is ended, whatever it does."""

_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)

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
    path = directory / "page.html"
    path.write_text(page.replace("</body>", _VISITOR.replace("KEY", json.dumps(key)) + "</body>"), encoding="utf-8")
    text = browse(path, directory).partition("<pre>")[2].partition("</pre>")[0]
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return dict(json.loads(text))


def browse(path: Path, directory: Path) -> str:
    """The document as a browser of its own has it once its scripts are done; the browser is gone afterwards.

    It has a profile of its own, and its processes are one session: when it takes too long all of them end. What it
    writes goes into files, because a pipe stays open as long as any of its processes lives.
    """
    if BROWSER is None:
        # The full run (make test-all) insists on it.
        missing = pytest.fail if os.environ.get("DML_TEST_FULL") else pytest.skip
        missing("no chromium is installed: apt-get install chromium")
    arguments = [*_QUIET, f"--user-data-dir={directory / 'profile'}", "--virtual-time-budget=30000", "--dump-dom"]
    seen, said = directory / "seen.html", directory / "said.txt"
    with seen.open("wb") as out, said.open("wb") as err:
        browser = subprocess.Popen(
            [BROWSER, *arguments, path.as_uri()], stdin=DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        try:
            code = browser.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
    assert code == 0, f"chromium ended with {code} (None: not within {LIMIT} s): {said.read_text()[-2000:]}"
    return seen.read_text(encoding="utf-8")


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
