"""Models of the emulated Scaleway: uploaded computations, kept as they came.

Their payload is read when a job wants to run it; here any text is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from qbatch.emulators.clouds import World
from qbatch.emulators.scaleway.access import (
    Answer,
    Asked,
    Table,
    check_project,
    invalid,
    not_found,
    page_of,
    queried,
)
from qbatch.emulators.scaleway.moments import write_instant
from qbatch.emulators.scaleway.storage import Storage


@dataclass(frozen=True)
class Model:
    """An uploaded computation."""

    id: str
    project_id: str
    payload: str
    created_s: float


class Models:
    """All models, by id; nothing removes them."""

    def __init__(self, world: World, storage: Storage) -> None:
        self.world = world
        self.storage = storage
        self._models: dict[str, Model] = {}

    def table(self) -> Table:
        return [
            ("POST", "/models", self.create),
            ("GET", "/models", self.list_models),
            ("GET", "/models/{id}", self.show),
        ]

    def known(self, model_id: str) -> Model:
        if model_id not in self._models:
            raise not_found("model", model_id)
        return self._models[model_id]

    async def create(self, request: Request) -> Answer:
        asked = await Asked.read(request)
        model = Model(
            self.world.new_id(),
            check_project(asked.required("project_id")),
            asked.text("payload") or "",
            self.world.clock.now_s(),
        )
        self._models[model.id] = model
        self.storage.texts[f"models/{model.id}"] = lambda: model.payload
        return self.row(model, request)

    async def show(self, request: Request) -> Answer:
        return self.row(self.known(request.path_params["id"]), request)

    async def list_models(self, request: Request) -> Answer:
        asked = queried(request)
        if "project_id" not in asked:
            raise invalid("project_id", "required", "must be given")
        project_id = check_project(asked["project_id"])
        rows = [one for one in self._models.values() if one.project_id == project_id]
        return page_of(
            self.world,
            request,
            "models",
            rows,
            lambda one: self.row(one, request),
            {"created_at": None},
            "created_at_desc",
        )

    def row(self, model: Model, request: Request) -> dict[str, Any]:
        return {
            "id": model.id,
            "created_at": write_instant(self.world.clock, model.created_s),
            "url": self.storage.url(request, f"models/{model.id}"),
            "project_id": model.project_id,
        }
