"""The check of the built site sees what it is there to see."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

POLICY = """<meta http-equiv="Content-Security-Policy" content="default-src 'self'">"""


@pytest.fixture(scope="module")
def check() -> ModuleType:
    path = Path(__file__).parents[1] / "tools" / "site" / "check.py"
    spec = importlib.util.spec_from_file_location("site_check", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _site(directory: Path, body: str, *, policy: str = POLICY, indexed: bool = True) -> Path:
    other = directory / "guide"
    other.mkdir()
    (directory / "picture.svg").write_text("<svg/>", encoding="utf-8")
    (directory / "index.html").write_text(f"<html><head>{policy}</head><body>{body}</body></html>", encoding="utf-8")
    (other / "index.html").write_text(f"<html><head>{POLICY}</head><h2 id='first'>1</h2></html>", encoding="utf-8")
    (directory / "search").mkdir()
    locations = ["", "guide/#first", "guide/"] if indexed else ["", "404.html"]
    index = {"docs": [{"location": location} for location in locations]}
    (directory / "search" / "search_index.json").write_text(json.dumps(index), encoding="utf-8")
    return directory


@pytest.mark.parametrize(
    "body",
    [
        '<a href="guide/#first">x</a><a href="https://example.org/">x</a><img src="picture.svg">',
        '<a href="#here" id="here">x</a><img src="data:image/png;base64,AA==">',
        '<link rel="canonical" href="https://example.org/">',
    ],
)
def test_a_sound_page_passes(check: ModuleType, tmp_path: Path, body: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(_site(tmp_path, body)) == 0
    assert capsys.readouterr().out == "2 pages checked\n"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="nothing/">x</a>', "leads to nothing/, which does not exist"),
        ('<a href="guide/#second">x</a>', "leads to guide/#second, which does not exist"),
        ('<a href="#second">x</a>', "leads to #second, which does not exist"),
        ('<img src="missing.svg">', "leads to missing.svg, which does not exist"),
        ('<script src="https://example.org/a.js"></script>', "loads https://example.org/a.js from elsewhere"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "loads //example.org/a.css from elsewhere"),
    ],
)
def test_what_is_wrong_is_named(check: ModuleType, tmp_path: Path, body: str, problem: str) -> None:
    assert check.problems(_site(tmp_path, body)) == [f"index.html: {problem}"]


def test_a_page_without_a_policy_or_outside_the_search_is_named(check: ModuleType, tmp_path: Path) -> None:
    site = _site(tmp_path, "", policy="", indexed=False)
    assert check.problems(site) == ["index.html: no content security policy", "guide/: not in the search index"]


def test_a_site_without_pages_is_wrong(check: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "search_index.json").write_text('{"docs": []}', encoding="utf-8")
    assert check.main(tmp_path) == 1
