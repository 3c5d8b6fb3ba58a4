"""LiteLLM in production, converged in the sandbox and served over HTTP from a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.server import serve
from sandbox.world import World
from tests.harness import Plant, production


@dataclass
class Served:
    """The world, its port, and what a pass needs to know of its state."""

    world: World
    plant: Plant
    port: int

    def copy_state(self, folder: Path) -> str:
        """The state bucket as files: a pass that keeps them makes no call for its own memory."""
        for key in self.plant.store.list(""):
            found = self.plant.store.get(key)
            assert found is not None
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(found.body)
        return str(folder)

    @contextmanager
    def latency(self, seconds: float) -> Iterator[None]:
        """Each call takes so much longer inside."""
        self.world.latency = seconds
        try:
            yield
        finally:
            self.world.latency = 0.0


@contextmanager
def served() -> Iterator[Served]:
    """A converged environment behind a port, long enough after the last change."""
    world = World(seed=1)
    plant = Plant(world, production())
    plant.converge()
    for _ in range(2):
        plant.later(3600)
        plant.run()
    server = serve(world, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Served(world, plant, server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
