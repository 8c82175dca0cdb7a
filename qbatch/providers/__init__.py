"""Where circuits are computed: one `Driver` per backend of a manifest.

contract      what a driver is, and the values that go in and come out
registry      which providers there are, and how drivers and options are found
complaints    what is wrong with options, in words
local         the embedded simulator
kit           what drivers of clouds share

Each cloud has a room of its own (`oqc`, `scaleway`, …): its driver, its options, its replies.
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
    Missing,
    Order,
    Prepared,
    Price,
    Rate,
    Recalls,
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
    depends_on_values,
    manifest_schema,
    misfit,
    open_driver,
    options_model,
    remarks,
    validate_changed,
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
    "Missing",
    "Order",
    "Prepared",
    "Price",
    "Rate",
    "Recalls",
    "Surroundings",
    "Target",
    "Translates",
    "Unknown",
    "Update",
    "depends_on_values",
    "manifest_schema",
    "misfit",
    "open_driver",
    "options_model",
    "remarks",
    "validate_changed",
    "validate_settings",
]
