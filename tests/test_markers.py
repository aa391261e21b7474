"""Markers: their paths exist, they cover little, and a test without one fails when it uses much CPU time."""

from __future__ import annotations

from pathlib import Path

import pytest

import markers

BURN = """
import time, pytest

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

{fixtures}

def test_it({arguments}):
    {body}
"""


@pytest.mark.parametrize("entry", sorted({entry for listed in markers.PATHS.values() for entry in listed}))
def test_every_listed_path_exists(entry: str) -> None:
    assert (markers.HERE / entry).exists()


def test_a_file_has_the_markers_of_its_folder() -> None:
    assert markers.markers_of(markers.HERE / "interop" / "test_deriva_ml_client.py") == ["interop"]
    assert markers.markers_of(markers.HERE / "interoperable.py") == []
    assert markers.markers_of(Path("/elsewhere/interop/test_it.py")) == []


@pytest.fixture
def limited(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A directory of tests that have 0.2 s each; the file ``slow.py`` in it is marked."""
    monkeypatch.setattr(markers, "HERE", pytester.path)
    monkeypatch.setattr(markers, "PATHS", {"slow": ("test_slow.py",)})
    monkeypatch.setattr(markers, "CPU_LIMIT", 0.2)
    return pytester


def outcome(directory: pytest.Pytester, name: str, body: str = "pass", fixtures: str = "", arguments: str = "") -> str:
    """Run a file with one test; returns what pytest printed about it."""
    text = BURN.format(body=body, fixtures=fixtures, arguments=arguments)
    (directory.path / name).write_text(text, encoding="utf-8")
    ran = directory.runpytest_inprocess("-p", "markers", "-p", "no:randomly", "-p", "no:xdist", name)
    return ran.stdout.str()


def test_an_unmarked_test_that_uses_much_cpu_time_fails_and_says_what_to_do(limited: pytest.Pytester) -> None:
    printed = outcome(limited, "test_plain.py", "burn(0.3)")
    assert "1 failed" in printed
    assert "a test without a marker may use 0.2 s" in printed
    assert "tests/markers.py" in printed


def test_a_marked_test_and_a_quick_one_pass(limited: pytest.Pytester) -> None:
    assert "1 passed" in outcome(limited, "test_slow.py", "burn(0.3)")
    assert "1 passed" in outcome(limited, "test_plain.py")


def test_children_and_own_fixtures_count(limited: pytest.Pytester) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(30_000_000))'], check=True)"
    assert "1 failed" in outcome(limited, "test_plain.py", child)
    own = "@pytest.fixture\ndef own():\n    burn(0.3)"
    assert "1 failed" in outcome(limited, "test_plain.py", fixtures=own, arguments="own")


def test_shared_fixtures_do_not_count(limited: pytest.Pytester) -> None:
    shared = (
        "@pytest.fixture(scope='session')\ndef outer():\n    burn(0.3)\n\n"
        "@pytest.fixture(scope='module')\ndef inner(outer):\n    burn(0.3)\n"
    )
    assert "1 passed" in outcome(limited, "test_plain.py", fixtures=shared, arguments="inner")
