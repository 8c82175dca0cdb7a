"""What properties of prices share: the units that clouds bill in, and how many cases are tried."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

#: Some cases in each run of the tests; none is made smaller, for each is a whole run.
EVERYDAY = settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)

#: Cloud -> the unit that it bills in.
UNITS = {
    "oqc": "usd",
    "open-quantum": "credits",
    "marqov": "usd",
    "scaleway": "eur",
    "ibm-direct-access": "qpu_seconds",
}

#: Marqov's own spending limits, out of the way.
SWITCHES = {"marqov": {"job_usd": 1e6, "day_usd": 1e6, "month_usd": 1e6}}
