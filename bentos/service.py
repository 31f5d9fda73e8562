"""What `bentoml serve` and `bentoml build` find when they are started in this folder.

From a checkout the API reads `../data`. A built bento holds the package and, when there were promoted models at build
time, the exported models with the silver data they answer from; elsewhere point `FINQ_DATA_ROOT` at them.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if "build" in sys.argv[1:] and (HERE / "staging.py").exists():
    from staging import stage

    stage(HERE)

_inside = HERE / "data"
os.environ.setdefault("FINQ_DATA_ROOT", str(_inside if _inside.is_dir() else HERE.parent / "data"))

from finq_predictor.serving.service import Api, Inference  # noqa: E402 - it reads the data root when it is imported

__all__ = ["Api", "Inference"]
