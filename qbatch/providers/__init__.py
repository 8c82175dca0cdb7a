"""Where circuits are computed: one `Driver` per backend of a manifest.

answers       what a provider says of a job: one type, whatever was asked
contract      what a driver is
batch         the values that go into it and come out
target        a backend as its provider describes it
room          what a provider says of itself, for those who have no driver of it
registry      which providers there are, and how drivers and options are found
validation    what is wrong with a backend's settings, as its provider says
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
    Part,
    Repeatable,
    Running,
    Strange,
    Taken,
    Unclear,
    Words,
    kind_of,
)
from qbatch.providers.batch import (
    Batch,
    Fetched,
    Intent,
    Order,
    Prepared,
)
from qbatch.providers.contract import (
    Catalogue,
    Driver,
    Forsakes,
    GetsReady,
    Leaves,
    Quotes,
    Recalls,
    Repeats,
    Surroundings,
    TellsCalibration,
    Translates,
)
from qbatch.providers.registry import (
    BUILT_IN,
    EMBEDDED,
    ENTRY_POINTS,
    account_options,
    calibration_age_s,
    is_here,
    is_local,
    manifest_schema,
    open_driver,
    options_model,
    room_of,
    tells_units,
    units,
)
from qbatch.providers.room import Room
from qbatch.providers.target import (
    Cap,
    Choice,
    Price,
    Quote,
    Rate,
    Target,
)
from qbatch.providers.validation import (
    depends_on_values,
    misfit,
    remarks,
    validate_changed,
    validate_settings,
)

__all__ = [
    "BUILT_IN",
    "EMBEDDED",
    "ENDS",
    "ENTRY_POINTS",
    "Answer",
    "Batch",
    "Cancelled",
    "Cap",
    "Catalogue",
    "Choice",
    "Declined",
    "Done",
    "Driver",
    "Failed",
    "Fetched",
    "Forsakes",
    "GetsReady",
    "GivenBack",
    "Intent",
    "Leaves",
    "Missing",
    "NotTaken",
    "Order",
    "Part",
    "Prepared",
    "Price",
    "Quote",
    "Quotes",
    "Rate",
    "Recalls",
    "Repeatable",
    "Repeats",
    "Room",
    "Running",
    "Strange",
    "Surroundings",
    "Taken",
    "Target",
    "TellsCalibration",
    "Translates",
    "Unclear",
    "Words",
    "account_options",
    "calibration_age_s",
    "depends_on_values",
    "is_here",
    "is_local",
    "kind_of",
    "manifest_schema",
    "misfit",
    "open_driver",
    "options_model",
    "remarks",
    "room_of",
    "tells_units",
    "units",
    "validate_changed",
    "validate_settings",
]
