"""The run-time environment of an execution as one JSON document: packages, platform, GPUs, harmless variables.

deriva-ml stores a file of this name and type (``environment_snapshot_<time>.txt``, ``Runtime_Env``); this one holds no
variable that is not on a fixed list, and no argument or value that looks like a secret.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any

from dml.workspace.redaction import HIDDEN, is_secret_name, redact

_RECORDED = frozenset(
    [
        "CONDA_DEFAULT_ENV",
        "CONDA_PREFIX",
        "CUBLAS_WORKSPACE_CONFIG",
        "CUDA_DEVICE_ORDER",
        "CUDA_HOME",
        "CUDA_VISIBLE_DEVICES",
        "HOSTNAME",
        "HYDRA_FULL_ERROR",
        "JAX_PLATFORMS",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "LOCAL_RANK",
        "MKL_NUM_THREADS",
        "NCCL_DEBUG",
        "NUMEXPR_NUM_THREADS",
        "NVIDIA_DRIVER_CAPABILITIES",
        "NVIDIA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "PYTHONHASHSEED",
        "PYTHONPATH",
        "PYTORCH_CUDA_ALLOC_CONF",
        "RANK",
        "ROCR_VISIBLE_DEVICES",
        "SHELL",
        "SLURM_CLUSTER_NAME",
        "SLURM_CPUS_ON_NODE",
        "SLURM_GPUS",
        "SLURM_JOB_ID",
        "SLURM_JOB_NAME",
        "SLURM_JOB_NODELIST",
        "SLURM_JOB_PARTITION",
        "SLURM_NNODES",
        "SLURM_NTASKS",
        "SLURM_PROCID",
        "TF_CPP_MIN_LOG_LEVEL",
        "TF_DETERMINISTIC_OPS",
        "TOKENIZERS_PARALLELISM",
        "TZ",
        "VIRTUAL_ENV",
        "WORLD_SIZE",
        "XLA_FLAGS",
        "DERIVA_MCP_GIT_COMMIT",
        "DERIVA_MCP_IMAGE_DIGEST",
        "DERIVA_MCP_IMAGE_NAME",
        "DERIVA_MCP_IN_DOCKER",
        "DERIVA_MCP_VERSION",
        "DERIVA_ML_ALLOW_DIRTY",
        "DERIVA_ML_DRY_RUN",
        "DML_CATALOG",
        "DML_EXECUTION_RID",
        "DML_HOST",
    ]
)
_GPU_TIMEOUT = 5.0
_GPU_FIELDS = "name,uuid,driver_version,memory.total"


def environment_snapshot() -> str:
    """The environment of this process as indented JSON text."""
    document: dict[str, Any] = {
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
            "prefix": sys.prefix,
            "argv": redact_arguments(sys.argv),
        },
        "platform": {
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
            "node": platform.node(),
            "cpus": os.cpu_count(),
            "libc": " ".join(platform.libc_ver()).strip(),
        },
        "gpus": list(_gpus()),
        "environment": recordable_environment(os.environ),
        "packages": dict(_packages()),
    }
    return json.dumps(document, indent=2, sort_keys=False) + "\n"


def recordable_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that may be recorded, by name: those of a fixed list, secrets inside their values hidden."""
    return {name: redact(value) for name, value in sorted(environment.items()) if name in _RECORDED}


def redact_arguments(arguments: Sequence[str]) -> list[str]:
    """A command line in which what looks like a secret is replaced by ``[hidden]``.

    ``--token X``, ``--token=X``, ``db.password=X`` and values of the shape of a credential are hidden; names stay.
    """
    shown: list[str] = []
    hide_next = False
    for argument in arguments:
        if hide_next and not argument.startswith("-"):
            shown.append(HIDDEN)
            hide_next = False
            continue
        name, equals, value = argument.partition("=")
        secret = is_secret_name(name)
        shown.append(f"{name}={HIDDEN}" if equals and value and secret else redact(argument))
        hide_next = argument.startswith("-") and not equals and secret
    return shown


@cache
def _packages() -> tuple[tuple[str, str], ...]:
    """Name and version of every installed distribution; read once, since it looks at each one's directory."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(name.lower(), distribution.version)
    return tuple(sorted(found.items()))


@cache
def _gpus() -> tuple[dict[str, str], ...]:
    """What ``nvidia-smi`` says of the GPUs; empty where there is no such program or it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, f"--query-gpu={_GPU_FIELDS}", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    names = _GPU_FIELDS.split(",")
    rows = [line.split(", ") for line in answer.stdout.splitlines() if answer.returncode == 0]
    return tuple(dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names))
