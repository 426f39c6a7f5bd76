"""Threads of its own for each model: a long call delays other calls, never an embedding or a screenshot."""

import asyncio
import logging
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.requests import Request

log = logging.getLogger("uvicorn.error")


class CallerLeft(Exception):
    """Nobody waits for the answer any more."""


class ModelFailed(Exception):
    """A model broke in a way that nobody foresaw."""


class Lane:
    """Work in the order in which it was asked for, `width` pieces at a time, never refused."""

    def __init__(self, name: str, width: int = 1, expected: tuple[type[Exception], ...] = ()):
        """`expected` are the failures that the caller handles; all others become ModelFailed."""
        self._name, self._expected = name, expected
        self._turn = asyncio.Semaphore(width)
        self._threads = ThreadPoolExecutor(width, name)

    async def run(self, request: Request, work: Callable[..., Any], *arguments: Any) -> Any:
        async with self._turn:
            # Callers that gave up ask again: doing their old work too would let the queue grow without end.
            if await request.is_disconnected():
                raise CallerLeft
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
            except self._expected:
                raise
            except Exception as error:
                raise self._failed(error) from None

    def _failed(self, error: Exception) -> ModelFailed:
        """Logs the type and the place only: messages of libraries may repeat what a customer said."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("%s: %s at %s:%s", self._name, type(error).__name__, place.filename, place.lineno)
        return ModelFailed(f"the {self._name} model failed with {type(error).__name__}")
