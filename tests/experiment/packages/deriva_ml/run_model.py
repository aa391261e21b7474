"""A stand-in for deriva-ml's runner: says what it was given, and which execution it made."""

import json
import os
import sys
from pathlib import Path

Path(os.environ["STAND_IN_RUNNER_TELLS"]).write_text(json.dumps(sys.argv[1:]))
Path(os.environ["DERIVA_ML_SAVE_EXECUTION_RID"]).write_text(json.dumps({"execution_rid": "1-THEIRS"}))
