"""Programs, results and logs of jobs: objects in the person's bucket."""

from __future__ import annotations

from qbatch.providers.ibm_direct_access.options import Storage
from qbatch.providers.ibm_direct_access.service import Service
from qbatch.providers.ibm_direct_access.storage import Bucket, Method, open_bucket
from qbatch.providers.kit.untrusted import word
from qbatch.providers.kit.wire import Reply


class Objects:
    """The bucket, which is looked for when it is first needed."""

    def __init__(self, options: Storage, service: Service) -> None:
        self._options = options
        self._service = service
        self._bucket: Bucket | None = None

    def bucket(self) -> Bucket:
        """Return it.

        Raises:
            Refused: It is not known where it is, or its keys are not.
        """
        if self._bucket is None:
            given = self._options.model_dump()
            self._bucket = open_bucket(given, self._service.environ, self._service.prefix)
            for key in (self._bucket.access_key, self._bucket.secret_key):
                self._service.wire.reveal(key)  # a store says aloud what was wrong with a signature
        return self._bucket

    def _presigned(self, method: Method, key: str) -> str:
        return self.bucket().presign(method, key, now_s=self._service.wire.now(), life_s=900)

    async def put(self, key: str, content: bytes) -> None:
        expect_object(
            await self._service.wire.send("PUT", self._presigned("PUT", key), content=content)
        )

    async def get(self, key: str, *, max_bytes: int | None = None) -> Reply:
        url = self._presigned("GET", key)
        return await self._service.wire.send("GET", url, max_bytes=max_bytes)

    async def delete(self, key: str) -> None:
        reply = await self._service.wire.send("DELETE", self._presigned("DELETE", key))
        if reply.status != 404:
            expect_object(reply)

    async def has_results(self, job_id: str) -> bool:
        reply = await self.get(f"results_{job_id}.json")
        if reply.status == 404:
            return False
        expect_object(reply)
        return True

    async def log(self, job_id: str) -> bytes:
        """Read what the service wrote about a job; b"" where it wrote nothing."""
        reply = await self.get(f"logs_{job_id}.json")
        return reply.kept if reply.is_success else b""


def expect_object(reply: Reply) -> None:
    """Raise unless the store did it; what it says is XML, of which the code is enough."""
    if reply.is_success:
        return
    text = reply.content[:4_000].decode("utf-8", "replace")
    code = word(text.partition("<Code>")[2].partition("</Code>")[0])
    raise reply.failure(f"the bucket says {code or 'nothing that is known here'}")
