"""The public edge: what people call.  A traceback of one of our errors, or of Ctrl-C, ends there.

`SC_PANDAS_DEBUG=1` in the environment leaves tracebacks whole; the logger ``sc_pandas`` gets them at level DEBUG.
"""

import functools
import inspect
import logging
import os
import sys
import traceback
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final, TypeVar

from sc_pandas.errors import SellerCloudError

_Class = TypeVar("_Class", bound=type)
_Function = TypeVar("_Function", bound=Callable[..., Any])
_LOG: Final = logging.getLogger("sc_pandas")
_LOG.addHandler(logging.NullHandler())
_CHAIN_AT_MOST: Final = 10


def public(function: _Function) -> _Function:
    """Let tracebacks end at a function that people call; when we call it ourselves, it changes nothing."""
    ends = _ends_here

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            args, kwargs = (), {}  # a login may be among them
            if not ends(error):
                raise
            raise error.with_traceback(None) from None  # SC_PANDAS_DEBUG=1 shows the whole

    code = call.__code__.replace(co_name=function.__name__, co_qualname=function.__qualname__)
    # With the globals of its own module: doctest finds a function by them.
    named = FunctionType(code, function.__globals__, function.__name__, None, call.__closure__)
    wrapped: _Function = functools.update_wrapper(named, function)  # type: ignore[assignment]
    return wrapped


def public_class(cls: _Class) -> _Class:
    """Make each public method and property of a class an edge; generators are as they were."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            setattr(cls, name, property(member.fget and public(member.fget), member.fset and public(member.fset)))
        elif inspect.isfunction(member) and not inspect.isgeneratorfunction(member):
            setattr(cls, name, public(member))
    return cls


def _ends_here(error: BaseException) -> bool:
    caller = sys._getframe(2).f_globals.get("__name__", "")  # noqa: SLF001  # the documented way to walk the stack
    if caller.startswith("sc_pandas.") or not isinstance(error, SellerCloudError | KeyboardInterrupt):
        return False
    if _LOG.isEnabledFor(logging.DEBUG):
        _LOG.debug("%s", _whole(error))
    return not os.environ.get("SC_PANDAS_DEBUG")


def _whole(error: BaseException | None) -> str:
    """Return the lines of an error and of what it came from, without the messages of strangers, who may quote data."""
    parts: list[str] = []
    while error is not None and len(parts) < _CHAIN_AT_MOST:
        says = f": {error}" if isinstance(error, SellerCloudError) else ""
        parts.append("".join([*traceback.format_tb(error.__traceback__), type(error).__name__, says]))
        error = error.__cause__ or error.__context__
    return "\n  came from\n".join(parts)
