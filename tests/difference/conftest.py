"""Lets the tests of this folder import their neighbour under any import mode of pytest."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
