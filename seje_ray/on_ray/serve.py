"""Ray Serve: the model in replicas that batch, and the API over the index in front of them.

Two applications, so that a model can be replaced while requests come in: ``Embed`` is one of its
own, named by its weights; the API finds it by this name. A replacement starts the other model
first, then APIs that use it, one for each that is there; these end when they have answered.

A Serve config file has one application, in which Serve replaces deployments one by one: an API
would ask the model of another training, or none. There each API holds its model.
"""

import asyncio
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from ray import serve
from ray.exceptions import RayActorError, RayTaskError
from ray.serve.config import BackpressureConfig
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import LoggingConfig

from seje_ray.calibration.corpus import RecipeText
from seje_ray.errors import ConfigError
from seje_ray.features.encoder import QueryError
from seje_ray.on_ray.connect import user_error
from seje_ray.pipeline.index.searcher import Searcher
from seje_ray.pipeline.runs import TrainedRun, open_run
from seje_ray.serving.app import create_app
from seje_ray.serving.embedder import Embedded, Embedder, Model, weights_of
from seje_ray.serving.failures import busy
from seje_ray.serving.finder import Finder
from seje_ray.serving.guard import Guard
from seje_ray.serving.limits import Limits
from seje_ray.workspace import Workspace

API = "seje-ray"  # name of the application that answers
EMBED = "seje-ray-model"  # of those that embed, with the beginning of a hash behind it
API_DEPLOYMENT, EMBED_DEPLOYMENT = "Api", "Embed"  # what these applications deploy
MAX_BATCH = 32  # photos or recipes embedded at once
BATCH_WAIT_S = 0.002  # for more of them, once there is one
DRAIN_S = 60.0  # in which a replica that ends answers what it has accepted
QUIET = LoggingConfig(enable_access_log=False, log_level="WARNING")  # no path of a client in a log


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What is served, and with what."""

    workspace: str  # folder, the same on every node; or the URI of one in a store
    run: str  # name of the training
    replicas: int = 1  # of the model, and of the API
    gpus_per_replica: float = 0.0  # of the model's
    cpus_per_process: float = 1.0  # that each model and each API takes of the cluster
    token_hash: str | None = None  # SHA-256 of a token in hex
    client_rate: float = Limits().client_rate  # searches per second of a client; 0: any number
    max_batch: int = MAX_BATCH  # photos or recipes embedded at once; 1 to compare with

    def __post_init__(self) -> None:
        """Refuse a hash that no token has: nobody would ever get in.

        Raises:
            ConfigError: If it is none, such as one in capitals, or with what stands behind it.
        """
        if self.token_hash is not None and not re.fullmatch("[0-9a-f]{64}", self.token_hash):
            raise ConfigError(
                "token_hash: expected the 64 digits 0-9 and a-f that `printf %s TOKEN | sha256sum` "
                f"begins with, found {len(self.token_hash)} characters, or others"
            )

    @property
    def limits(self) -> Limits:
        """Bounds of an API."""
        return Limits(client_rate=self.client_rate)

    def trained(self) -> TrainedRun:
        """The training."""
        return open_run(Workspace.at(self.workspace), self.run)


class _Embed:
    """The model in a process of its own; what is asked for at about the same time is one batch."""

    def __init__(self, serving: dict[str, Any]) -> None:
        options = Serving(**serving)
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // options.replicas))
        trained = options.trained()
        workspace = Workspace.at(options.workspace)  # Ray shows a process only GPUs that it has
        self._embedder = Embedder(trained.best_checkpoint, workspace)
        self._turn = asyncio.Lock()  # one batch of any kind at a time
        for embeds in (self.photo, self.recipe):
            embeds.set_max_batch_size(options.max_batch)

    @serve.batch(max_batch_size=MAX_BATCH, batch_wait_timeout_s=BATCH_WAIT_S)
    async def photo(self, jpegs: list[bytes]) -> list[Embedded]:
        async with self._turn:
            return await asyncio.to_thread(self._embedder.photos, jpegs)

    @serve.batch(max_batch_size=MAX_BATCH, batch_wait_timeout_s=BATCH_WAIT_S)
    async def recipe(self, recipes: list[RecipeText]) -> list[Embedded | QueryError]:
        async with self._turn:
            return await asyncio.to_thread(self._read, recipes)

    async def weights(self) -> str:
        return self._embedder.weights

    def _read(self, recipes: list[RecipeText]) -> list[Embedded | QueryError]:
        """All at once; one by one where one of them cannot be read, which is no other's fault."""
        try:
            return list(self._embedder.recipes(recipes))
        except QueryError as error:
            if len(recipes) == 1:
                return [error]
            return [one for recipe in recipes for one in self._read([recipe])]


class _ServedModel(ABC):
    """A ``Model`` of the server, over the methods of ``_Embed``, wherever it is."""

    def __init__(self, weights: str) -> None:
        """Of the model with these weights."""
        self._weights = weights

    async def photos(self, jpegs: Sequence[bytes]) -> list[Embedded]:
        """See ``Model``."""
        return list(await asyncio.gather(*(self._ask("photo", jpeg) for jpeg in jpegs)))

    async def recipes(self, recipes: Sequence[RecipeText]) -> list[Embedded]:
        """See ``Model``."""
        made = await asyncio.gather(*(self._ask("recipe", recipe) for recipe in recipes))
        for one in made:
            if isinstance(one, QueryError):
                raise one
        return list(made)

    async def is_ready(self) -> bool:
        """Whether the model of these weights answers."""
        found: str = await self._ask("weights")
        return found == self._weights

    @abstractmethod
    async def _ask(self, method: str, *args: Any) -> Any:
        """What a method of ``_Embed`` answers."""


class OwnModel(_ServedModel):
    """The model of this process."""

    def __init__(self, embed: _Embed, weights: str) -> None:
        """Use ``embed``."""
        super().__init__(weights)
        self._embed = embed

    async def _ask(self, method: str, *args: Any) -> Any:
        return await getattr(self._embed, method)(*args)


class RayModel(_ServedModel):
    """The model behind a handle of Serve."""

    def __init__(self, handle: DeploymentHandle, weights: str) -> None:
        """Use ``handle``, whose model has these weights."""
        super().__init__(weights)
        self._handle = handle

    async def _ask(self, method: str, *args: Any) -> Any:
        try:
            return await getattr(self._handle, method).remote(*args)
        except (BackPressureError, DeploymentUnavailableError) as error:
            raise busy("the model has more to do than it can", 2.0) from error
        except RayActorError as error:
            raise busy("the process of the model that was asked has ended", 1.0) from error
        except RayTaskError as error:
            raise user_error(error) or error from None


@serve.ingress()
class _Api:
    """The index, mapped into memory, and the API over it."""

    def __init__(self, serving: dict[str, Any], holds_model: bool) -> None:
        self._options, self._holds_model = Serving(**serving), holds_model

    def __serve_build_asgi_app__(self) -> Guard:
        options = self._options
        weights = weights_of(options.trained().best_checkpoint)
        searcher = Searcher.open(options.workspace, options.run, device="cpu")
        return create_app(
            Finder(searcher),
            self._model(weights),
            options.limits,
            token_hash=options.token_hash,
            replica=serve.get_replica_context().replica_tag,
        )

    def _model(self, weights: str) -> Model:
        if self._holds_model:
            return OwnModel(_Embed(asdict(self._options)), weights)
        return RayModel(serve.get_app_handle(model_name(weights)), weights)


def model_name(weights: str) -> str:
    """Name of the application that embeds with these weights."""
    return f"{EMBED}-{weights[:12]}"


def embed_application(serving: Serving) -> serve.Application:
    """The model alone, for ``serve.run`` without a route."""
    options = {"num_cpus": serving.cpus_per_process, "num_gpus": serving.gpus_per_replica}
    deployed = serve.deployment(
        _Embed,
        name=EMBED_DEPLOYMENT,
        num_replicas=serving.replicas,
        ray_actor_options=options,
        max_ongoing_requests=2 * MAX_BATCH,
        max_queued_requests=4 * Limits().requests,
        graceful_shutdown_timeout_s=DRAIN_S,
        max_surge_percent=100,
        logging_config=QUIET,
    )
    return deployed.bind(asdict(serving))


def api_application(serving: Serving, *, holds_model: bool = False) -> serve.Application:
    """The API; with a model in each replica, or over the application that ``model_name`` names."""
    gpus = serving.gpus_per_replica if holds_model else 0.0
    deployed = serve.deployment(
        _Api,
        name=API_DEPLOYMENT,
        num_replicas=serving.replicas,
        ray_actor_options={"num_cpus": serving.cpus_per_process, "num_gpus": gpus},
        max_ongoing_requests=4 * Limits().requests,  # its guard refuses earlier, and says why
        max_queued_requests=4 * Limits().requests,
        backpressure_config=BackpressureConfig(status_code=503, retry_after_s=1),
        graceful_shutdown_timeout_s=DRAIN_S,
        max_surge_percent=100,  # replacements are ready before those that they replace end
        logging_config=QUIET,
    )
    return deployed.bind(asdict(serving), holds_model)


def application(args: dict[str, Any]) -> serve.Application:
    """Both in each replica, for a Serve config file; ``args`` are fields of ``Serving``."""
    return api_application(Serving(**args), holds_model=True)
