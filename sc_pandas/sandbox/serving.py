"""The listening side: uvicorn in a thread of its own, quick to start and quick to stop."""

import asyncio
import contextlib
import socket
import threading
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_PATIENCE_S = 10.0


class _OpenProtocol(H11Protocol):
    """Hands its connection to the application, so that faulty bytes can be written past the HTTP library."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """Stops when told, not at the next tick, and lets no open connection hold it up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.running = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.running.set()
        while not self._stop.is_set():
            await self.on_tick(0)  # sets the Date header
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._accept_no_more(sockets or [])
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the aborted transports close their sockets

    async def _accept_no_more(self, sockets: list[socket.socket]) -> None:
        """Let connections that are being accepted arrive: asyncio leaks those whose server closes meanwhile."""
        for listening in sockets:
            with contextlib.suppress(NotImplementedError):  # Windows' loop has no readers
                asyncio.get_running_loop().remove_reader(listening.fileno())
        arriving = asyncio.all_tasks() - self.server_state.tasks - {asyncio.current_task()}
        if arriving:
            await asyncio.wait(arriving, timeout=0.5)

    def stop(self) -> None:
        """Ask for the end, from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)


class Listener:
    """Serves an application on the loopback address until it is closed.

    Parameters
    ----------
    listening : socket.socket
        Bound, and taken over.
    app : ASGI application
        What to serve.
    """

    def __init__(self, listening: socket.socket, app: ASGIApp) -> None:
        settings: dict[str, Any] = {"lifespan": "off", "ws": "none", "log_config": None, "access_log": False}
        config = uvicorn.Config(app, http=_OpenProtocol, loop="asyncio", timeout_keep_alive=60, **settings)
        self._server = _Server(config)
        name = f"sc-pandas-sandbox-{listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name=name, daemon=True)
        self._thread.start()
        if not self._server.running.wait(_PATIENCE_S):
            raise RuntimeError(f"the sandbox did not start within {_PATIENCE_S:.0f} s")

    def close(self) -> None:
        """Stop serving: connections are torn, the socket is closed, the thread has ended."""
        self._server.stop()
        self._thread.join(_PATIENCE_S)
