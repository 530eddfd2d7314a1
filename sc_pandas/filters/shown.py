"""Keywords in a signature, so help and the Tab key know them."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def shows(*keywords: type, **defaults: Any) -> Callable[[_Function], _Function]:
    """Show the keywords of typed dicts, with their types, in the signature of a function that takes ``**keywords``."""

    def decorate(function: _Function) -> _Function:
        plain = inspect.signature(function)
        named = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name), annotation=annotation)
            for one in keywords
            for name, annotation in one.__annotations__.items()
        ]
        own = [each for each in plain.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        function.__signature__ = plain.replace(parameters=[*own, *named])  # type: ignore[attr-defined]
        return function

    return decorate
