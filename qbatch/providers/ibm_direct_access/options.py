"""What a person may write under ``options`` of an IBM Direct Access backend: plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from qbatch.manifest.fields import Whole
from qbatch.providers.ibm_direct_access.sampler import Sampler

#: The longest life of a presigned URL that the signature's definition allows, seconds.
MOST_LIFE_S = 604_800


class Storage(BaseModel):
    """The bucket through which programs and results travel. Its keys are never here.

    Attributes:
        endpoint: URL of the store. None: QRMI_IBM_QS_S3_ENDPOINT.
        endpoint_for_service: The same store as IBM's service reaches it, where that differs.
        bucket: Its name. None: QRMI_IBM_QS_S3_BUCKET.
        region: As the store calls it. None: QRMI_IBM_QS_S3_REGION, or us-east-1.
        url_life_s: How long the service may read and write by the URLs it is given: longer than a
            job may wait.
        keep_objects: Leave programs, results and logs in the bucket once they are saved here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    endpoint: str | None = None
    endpoint_for_service: str | None = None
    bucket: str | None = Field(default=None, min_length=3)
    region: str | None = None
    url_life_s: Whole = Field(default=MOST_LIFE_S, ge=60, le=MOST_LIFE_S)
    keep_objects: bool = True


class Options(BaseModel):
    """``options`` of an IBM Direct Access backend.

    Attributes:
        service_crn: Of the instance. None: QRMI_IBM_QS_SERVICE_CRN.
        iam_endpoint: Where tokens are made. None: QRMI_IBM_QS_IAM_ENDPOINT, or IBM Cloud's.
        auth: iam, or bearer: the credential is the token itself.
        storage: The bucket.
        timeout_secs: Time on the machine after which a job is ended, and so the most that it can
            use of a budget. None: ten times what it is expected to need, five minutes at least;
            delays in circuits are not expected: write it where they take milliseconds a shot.
        log_level: Of the logs kept with the results.
        sampler: Further options of the sampler; what stands in them is checked before anything
            is sent.
        initial_layout: The machine's qubit for each of the circuit's.
        noise_aware: Choose qubits and routes by the calibration's error rates; another calibration
            then gives another program.
        keep_jobs: Do not delete jobs once their results are saved; each keeps its lane.
        api_version: Date of the API's version, YYYY-MM-DD. None: the newest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    service_crn: str | None = None
    iam_endpoint: str | None = None
    auth: Literal["iam", "bearer"] = "iam"
    storage: Storage = Storage()
    timeout_secs: Whole | None = Field(default=None, ge=1, le=604_800)
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "warning"
    sampler: Sampler = Sampler()
    initial_layout: tuple[int, ...] = ()
    noise_aware: bool = False
    keep_jobs: bool = False
    api_version: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
