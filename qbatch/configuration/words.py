"""Words that a configuration may choose from, and what points to a secret."""

from __future__ import annotations

import re
from typing import Literal, get_args

#: Whether what is said is in colour: at a terminal, everywhere, nowhere.
Color = Literal["auto", "always", "never"]

#: Files of a report.
Format = Literal["md", "html", "csv", "json", "netcdf", "parquet"]

#: Figures as a journal wants them.
Style = Literal["aps", "ieee", "nature"]

#: Where a secret is kept, without the secret.
POINTER = re.compile(r"env:[A-Za-z_]\w*|keyring:\S.*|file:\S.*", re.ASCII)

FORMATS: tuple[Format, ...] = get_args(Format)
STYLES: tuple[Style, ...] = get_args(Style)
