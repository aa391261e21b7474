#!/usr/bin/env bash
# usage: tools/test-versions.sh UV PYTHON
# Run the tests of what dml uses of other libraries' internals with their lowest and their newest versions.
#
# The ranges are read from pyproject.toml; each end gets an environment in build/versions. Everything else has the versions
# of requirements/dev.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$1 python=$2
libraries="deriva hydra-core requests textual typer urllib3"
tests="tests/cli/test_frame.py tests/cli/test_parameters.py tests/cli/test_completion.py tests/cli/test_reference.py
    tests/cli/test_loaded_modules.py tests/cli/test_supported_versions.py tests/cli/test_output.py
    tests/cli/test_prompts.py tests/cli/test_failure.py tests/cli/test_config.py tests/catalog/test_session.py
    tests/catalog/test_credentials.py tests/tui/test_crash.py tests/experiment/test_compose.py"

pattern=$(tr ' ' '|' <<<"$libraries")
for end in lowest-direct highest; do
    home=build/versions/$end
    mkdir -p "$home"
    grep -oE "\"($pattern)[<>=][^\"]*\"" pyproject.toml | tr -d '"' >"$home/libraries.in"
    grep -vE "^($pattern)==" requirements/dev.txt >"$home/others.txt"
    "$uv" pip compile --quiet --python-version 3.11 --no-emit-index-url --no-header --upgrade --resolution "$end" \
        --constraint "$home/others.txt" --output-file "$home/libraries.txt" "$home/libraries.in"
    "$uv" venv --quiet --clear --python "$python" "$home/venv"
    "$uv" pip install --quiet --python "$home/venv/bin/python" --requirement "$home/libraries.txt" \
        --requirement "$home/others.txt"
    "$uv" pip install --quiet --python "$home/venv/bin/python" --no-deps --editable .
    echo "== $end: $(grep -oE "^($pattern)==[^ ]+" "$home/libraries.txt" | tr '\n' ' ')"
    # shellcheck disable=SC2086
    "$home/venv/bin/python" -m pytest -p no:cacheprovider $tests
done
