#!/usr/bin/env bash
# Build the sdist and the wheel into dist/, check them, and run the worked example from the wheel.
#
# usage: tools/dist.sh PYTHON TOOLS
#   PYTHON  the interpreter that runs the wheel
#   TOOLS   the bin directory with the pinned tools of requirements/release.txt
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
tools=$(cd "$2" && pwd)

# Archives hold the time of the commit, not of the build, so that two builds of one commit are the same bytes.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

build() { "$tools/uv" build --quiet --build-constraints requirements/release.txt --out-dir "$1" .; rm -f "$1/.gitignore"; }

echo "dist: build, twice"
rm -rf dist
build dist
build "$scratch/again"
for file in dist/*; do
    cmp "$file" "$scratch/again/${file##*/}" || { echo "dist: two builds differ: $file" >&2; exit 1; }
done
sdist=$(echo dist/*.tar.gz)
wheel=$(echo dist/*.whl)

echo "dist: check metadata and contents"
"$tools/twine" check --strict dist/*
"$tools/check-wheel-contents" "$wheel"
"$tools/pyroma" --min=10 .
"$tools/pyroma" --min=10 --file "$sdist"

# The sdist holds every tracked file, tests and documentation included, and PKG-INFO besides.
tar -tzf "$sdist" | sed 's|^[^/]*/||' | grep -v '/$' | LC_ALL=C sort >"$scratch/packed"
{ git ls-files; echo PKG-INFO; } | LC_ALL=C sort >"$scratch/tracked"
diff "$scratch/tracked" "$scratch/packed" || { echo "dist: the sdist does not hold the tracked files" >&2; exit 1; }

echo "dist: run the wheel in a fresh environment"
"$tools/uv" venv --quiet --python "$python" "$scratch/venv"
"$tools/uv" pip install --quiet --python "$scratch/venv/bin/python" --constraint requirements/dev.txt "$wheel[demo]"
(
    cd "$scratch"
    export HOME="$scratch/home" XDG_DATA_HOME='' XDG_STATE_HOME='' XDG_CONFIG_HOME='' XDG_CACHE_HOME=''
    mkdir "$HOME"
    unset PYTHONPATH
    "$scratch/venv/bin/dml" --version
    "$scratch/venv/bin/dml" doctor >doctor || { cat doctor; exit 1; }
    "$scratch/venv/bin/dml" demo --quiet >demo || { cat demo; exit 1; }
    "$scratch/venv/bin/dml" exec list
)

echo "dist: test the sdist against the wheel"
mkdir "$scratch/sdist"
tar -xzf "$sdist" -C "$scratch/sdist" --strip-components 1
"$tools/uv" pip install --quiet --python "$scratch/venv/bin/python" --requirement requirements/dev.txt
(cd "$scratch/sdist" && rm -r src && "$scratch/venv/bin/python" -m pytest -q -p no:cacheprovider tests/test_public_api.py tests/cli/test_reference.py tests/workspace)
ls -l dist
