"""What a user of deriva-ml does: make a catalog, give it a domain schema, carry one execution to its end.

Run by the interpreter that has deriva-ml, in a git repository, with the server's ``localhost:PORT`` as
its argument. Prints one JSON object: what was made.
"""

import json
import sys

from deriva.core.ermrest_model import Schema
from deriva_ml import DerivaML, MLAsset, MLVocab
from deriva_ml.execution import ExecutionConfiguration
from deriva_ml.schema.create_schema import create_ml_catalog


def main(hostname):
    catalog = create_ml_catalog(hostname, project_name="interop")
    catalog.getCatalogModel().create_schema(Schema.define("interop"))
    ml = DerivaML(hostname, catalog.catalog_id, working_dir="work")
    ml.add_term(MLVocab.workflow_type, "Interop_Workflow", description="A workflow of this test")
    ml.add_term(MLVocab.asset_type, "Interop_Result", description="A result of this test")
    workflow = ml.create_workflow("Interop", "Interop_Workflow", "Makes one file")
    execution = ml.create_execution(ExecutionConfiguration(workflow=workflow, description="One output"))
    with execution as running:
        output = running.asset_file_path(MLAsset.execution_asset, "result.txt", asset_types=["Interop_Result"])
        output.write_text("one output\n")
    uploaded = execution.upload_execution_outputs()
    result = {
        "catalog": str(catalog.catalog_id),
        "execution": execution.execution_rid,
        "workflow": execution.workflow_rid,
        "workflow_url": workflow.url,
        "workflow_checksum": workflow.checksum,
        "uploaded": {table: [path.asset_rid for path in paths] for table, paths in uploaded.items()},
    }
    # It must not be marked aborted when it is forgotten at the end of this program.
    ml._execution = None
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
