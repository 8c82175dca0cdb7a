"""Where circuits are computed: one `Driver` per backend of a manifest.

answers       what a provider says of a job: one type, whatever was asked
contract      what a driver is, and the values that go in and come out
registry      which providers there are, and how drivers and options are found
complaints    what is wrong with options, in words
local         the embedded simulator
kit           what drivers of clouds share

Each cloud has a room of its own (`oqc`, `scaleway`, …): its driver, its options, its replies.
"""

from qbatch.providers.answers import (
    ENDS,
    Answer,
    Cancelled,
    Declined,
    Done,
    Failed,
    GivenBack,
    Missing,
    NotTaken,
    Repeatable,
    Running,
    Strange,
    Taken,
    Unclear,
    Words,
)
from qbatch.providers.contract import (
    Batch,
    Catalogue,
    Driver,
    Fetched,
    Intent,
    Leaves,
    Order,
    Prepared,
    Price,
    Quote,
    Quotes,
    Rate,
    Recalls,
    Repeats,
    Surroundings,
    Target,
    Translates,
)
from qbatch.providers.registry import (
    ACCOUNT_OPTIONS,
    BUILT_IN,
    ENTRY_POINTS,
    LABEL_OPTIONS,
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
    "ENDS",
    "ENTRY_POINTS",
    "LABEL_OPTIONS",
    "Answer",
    "Batch",
    "Cancelled",
    "Catalogue",
    "Declined",
    "Done",
    "Driver",
    "Failed",
    "Fetched",
    "GivenBack",
    "Intent",
    "Leaves",
    "Missing",
    "NotTaken",
    "Order",
    "Prepared",
    "Price",
    "Quote",
    "Quotes",
    "Rate",
    "Recalls",
    "Repeatable",
    "Repeats",
    "Running",
    "Strange",
    "Surroundings",
    "Taken",
    "Target",
    "Translates",
    "Unclear",
    "Words",
    "depends_on_values",
    "manifest_schema",
    "misfit",
    "open_driver",
    "options_model",
    "remarks",
    "validate_changed",
    "validate_settings",
]
