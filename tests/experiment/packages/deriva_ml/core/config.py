from dataclasses import dataclass
from typing import Any


@dataclass
class DerivaMLConfig:
    hostname: Any = None
    catalog_id: Any = 1
    default_schema: Any = None
    cache_dir: Any = None
    working_dir: Any = None
    use_minid: Any = None
    clean_execution_dir: bool = True
