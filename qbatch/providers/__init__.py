"""Where circuits are computed: one `Driver` per backend of a manifest.

contract      what a driver is, and the values that go in and come out
registry      which providers there are, and how drivers and options are found
complaints    what is wrong with options, in words
local         the embedded simulator
open_quantum, ibm_direct_access, marqov, scaleway, oqc
a cloud each: its driver, its options, its replies
kit           what drivers of clouds share
"""

from qbatch.providers.contract import (
    Absent,
    Batch,
    Catalogue,
    Driver,
    Fetched,
    Found,
    Intent,
    Leaves,
    Located,
    Order,
    Prepared,
    Price,
    Rate,
    Surroundings,
    Target,
    Translates,
    Unknown,
    Update,
)
from qbatch.providers.registry import (
    ACCOUNT_OPTIONS,
    BUILT_IN,
    ENTRY_POINTS,
    manifest_schema,
    open_driver,
    options_model,
    validate_settings,
)

__all__ = [
    "ACCOUNT_OPTIONS",
    "BUILT_IN",
    "ENTRY_POINTS",
    "Absent",
    "Batch",
    "Catalogue",
    "Driver",
    "Fetched",
    "Found",
    "Intent",
    "Leaves",
    "Located",
    "Order",
    "Prepared",
    "Price",
    "Rate",
    "Surroundings",
    "Target",
    "Translates",
    "Unknown",
    "Update",
    "manifest_schema",
    "open_driver",
    "options_model",
    "validate_settings",
]
