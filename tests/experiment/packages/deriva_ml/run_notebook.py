"""A stand-in for deriva-ml's runner of notebooks: says what it was given, but not which execution it made."""

import json
import os
import sys
from pathlib import Path

Path(os.environ["STAND_IN_RUNNER_TELLS"]).write_text(json.dumps([os.environ.get("VIRTUAL_ENV"), *sys.argv[1:]]))
