"""The files around the code agree with each other and with the package: versions, Pythons, URLs, links, forms."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

import dml
from dml import errors
from dml._version import __version__

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").glob("*.md")],
    key=lambda page: page.as_posix(),
)
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))

_CODE_BLOCK = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.DOTALL | re.MULTILINE)
_CODE_SPAN = re.compile(r"(`+)(?:(?!\1).)+\1")
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*?)\s*$", re.MULTILINE)


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    text = _CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    titles = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in _HEADING.findall(text)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def _links(page: Path) -> list[str]:
    text = _CODE_SPAN.sub("", _CODE_BLOCK.sub("", page.read_text(encoding="utf-8")))
    return [unquote(target) for target in _LINK.findall(text)]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in _links(page):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.is_file(), link
        assert target.is_relative_to(ROOT), link
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), link


def test_the_readme_has_only_absolute_links_on_a_package_index() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hook = configuration["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for substitution in hook["substitutions"]:
        replacement = substitution["replacement"].replace("$HFPR_VERSION", __version__)
        assert f"/v{__version__}/" in replacement
        text = re.sub(substitution["pattern"], replacement, text)
    links = _LINK.findall(text)
    assert all(link.startswith("https://") for link in links), links
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) == 2
    assert all(picture.startswith("https://raw.githubusercontent.com/") for picture in pictures)


def test_every_url_of_the_repository_begins_as_in_the_project_metadata() -> None:
    urls = _project()["urls"]
    home, documentation = urls["Homepage"], urls["Documentation"]
    owner = home.removeprefix("https://github.com/").partition("/")[0]
    assert all(url.startswith((home, documentation)) for url in urls.values())
    citation, site = _yaml(ROOT / "CITATION.cff"), _yaml(ROOT / "mkdocs.yml")
    assert (citation["repository-code"], citation["url"]) == (home, documentation)
    assert (site["repo_url"], site["site_url"]) == (home, documentation)
    for page in [*PAGES, *FORMS, ROOT / "mkdocs.yml"]:
        for url in re.findall(r"https://[^\s)>`\"]+deriva-dml[^\s)>`\"]*", page.read_text(encoding="utf-8")):
            assert url.startswith((home, documentation)) or f"{owner}/deriva-dml/" in url, f"{_name(page)}: {url}"


def test_the_citation_names_the_version_the_license_and_the_authors_of_the_package() -> None:
    citation, project = _yaml(ROOT / "CITATION.cff"), _project()
    assert citation["version"] == __version__
    assert citation["license"] == project["license"]
    assert citation["authors"] == [{"name": author["name"]} for author in project["authors"]]
    assert citation["keywords"] == project["keywords"]


def test_the_changelog_has_the_sections_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(.*)\] - (.*)$", text, re.MULTILINE)
    versions = [version for version, _ in releases]
    assert len(releases) == text.count("\n## ")
    assert versions[0] == __version__
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    assert re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", releases[0][1])
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in releases[1:])
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert re.findall(r"^\[(.*)\]: ", text, re.MULTILINE) == versions


def _classified_pythons() -> list[str]:
    return [name.rpartition(" ")[2] for name in _project()["classifiers"] if re.search(r" :: Python :: 3\.\d+$", name)]


def test_the_lowest_python_of_the_classifiers_is_the_required_one() -> None:
    assert _project()["requires-python"] == f">={_classified_pythons()[0]}"


@pytest.mark.parametrize("form", [form for form in FORMS if form.name != "config.yml"], ids=_name)
def test_an_issue_form_has_what_github_requires(form: Path) -> None:
    content = _yaml(form)
    assert {"name", "description", "body"} <= set(content)
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    identifiers = [field["id"] for field in fields]
    assert len(set(identifiers)) == len(identifiers) > 0
    for field in content["body"]:
        assert field["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert field["attributes"]["value" if field["type"] == "markdown" else "label"]


def test_the_chooser_of_issues_links_to_questions_and_security() -> None:
    content = _yaml(ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml")
    assert content["blank_issues_enabled"] is False
    assert [link["name"] for link in content["contact_links"]] == ["Question", "Security problem"]
    assert all({"name", "url", "about"} == set(link) for link in content["contact_links"])


def test_the_hooks_call_the_tools_of_this_checkout() -> None:
    content = _yaml(ROOT / ".pre-commit-config.yaml")
    assert [repository["repo"] for repository in content["repos"]] == ["local"]
    for hook in content["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")


def _navigation(entries: list[Any]) -> list[str]:
    pages: list[str] = []
    for entry in entries:
        target = next(iter(entry.values())) if isinstance(entry, dict) else entry
        pages += _navigation(target) if isinstance(target, list) else [target]
    return pages


def test_every_page_of_the_documentation_is_in_the_navigation_once() -> None:
    pages = sorted(page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md"))
    entries = _navigation(_yaml(ROOT / "mkdocs.yml")["nav"])
    assert sorted(entry for entry in entries if not entry.startswith("https://")) == pages


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs" / "adr").glob("0*.md")):
        title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert f"- [{title}]({page.name})\n" in index


def test_the_api_reference_has_every_public_name_and_every_error_once() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    names = re.findall(r"^::: dml\.(\S+)$", text, re.MULTILINE)
    subclasses = {f"errors.{name}" for name in errors.__all__} - {"errors.DmlError"}
    assert sorted(names) == sorted({*dml.__all__, *subclasses} - {"__version__"})
