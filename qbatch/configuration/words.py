"""Words that a configuration may choose from."""

from __future__ import annotations

from typing import Literal, get_args

#: Whether what is said is in colour: at a terminal, everywhere, nowhere.
Color = Literal["auto", "always", "never"]

#: Files of a report.
Format = Literal["md", "html", "csv", "json", "netcdf", "parquet"]

#: Figures as a journal wants them.
Style = Literal["aps", "ieee", "nature"]

FORMATS: tuple[Format, ...] = get_args(Format)
STYLES: tuple[Style, ...] = get_args(Style)
