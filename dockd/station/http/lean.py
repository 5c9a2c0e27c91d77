"""FastAPI as a station needs it: nothing loaded for others, nothing built before it is asked for.

Imported before the rest of this package, for FastAPI does both when it is first imported.
"""

import sys

from pydantic import BaseModel

# It asks pydantic 1 whether a model is one of its, and takes for an answer that there is none.
sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type]  # as Python has it: none here

# The models that /openapi.json is written with are built when somebody asks for it.
BaseModel.model_config["defer_build"] = True
import fastapi  # noqa: E402, F401  after what it is told

del BaseModel.model_config["defer_build"]
