"""deriva-ml's side of the commit benchmark, run by the interpreter that has it, in a git repository of its own."""

import json
import resource
import sys
from pathlib import Path
from time import perf_counter

import requests
from deriva.core.ermrest_model import Schema
from deriva_ml import DerivaML, MLAsset, MLVocab
from deriva_ml.execution import ExecutionConfiguration
from deriva_ml.schema.create_schema import create_ml_catalog


def main(host, directory):
    """Stage every file of a directory and upload; figures of the upload alone."""
    counted = [0]
    send = requests.Session.send

    def counting(session, request, **options):
        counted[0] += 1
        return send(session, request, **options)

    requests.Session.send = counting
    catalog = create_ml_catalog(host, project_name="bench")
    catalog.getCatalogModel().create_schema(Schema.define("bench"))
    ml = DerivaML(host, catalog.catalog_id, working_dir="work")
    ml.add_term(MLVocab.workflow_type, "Bench", description="A workflow of this benchmark")
    ml.add_term(MLVocab.asset_type, "Bench", description="A file of this benchmark")
    workflow = ml.create_workflow("Bench", "Bench", "benchmark")
    execution = ml.create_execution(ExecutionConfiguration(workflow=workflow, description="benchmark"))
    with execution as running:
        for path in sorted(directory.iterdir()):
            running.asset_file_path(MLAsset.execution_asset, str(path), asset_types=["Bench"])
    counted[0] = 0
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = perf_counter()
    execution.upload_execution_outputs()
    seconds = perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - idle
    ml._execution = None
    print(json.dumps({"seconds": seconds, "requests": counted[0], "memory": memory}))


if __name__ == "__main__":
    main(sys.argv[2], Path(sys.argv[3]))
