"""The runner's modules are those of a program, not of a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tutorial" / "run"))
