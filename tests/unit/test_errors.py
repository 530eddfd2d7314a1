"""The error tree: complete, drawn at the top, one root to catch, facts as attributes, and every one pickles."""

import copy
import inspect
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas import errors

CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, Exception) and not each.__name__.startswith("_")
]
SAMPLES: dict[str, Any] = {
    "setting": "server", "filter": "rating", "suggestions": ("a", "b"), "reason": "why", "status": 409,
    "server_message": "words", "kind": "timeout", "attempts": 5, "elapsed_s": 1.5, "budget_exhausted": True,
    "reset_at": datetime(2026, 1, 1, tzinfo=UTC), "wait_s": 60.0, "expected": 3, "got": 2, "missing": (1,),
    "extra": (2, 3), "age_s": 7.0, "path": "/x", "errno": 28, "keys": ("A",),
}  # fmt: skip


def filled(cls: type[Any]) -> Any:
    return cls("a message", **{name: SAMPLES[name] for name in cls.facts})


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("make", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])  # noqa: S301
def test_every_error_and_warning_survives_pickle_with_its_facts(make: Any, cls: type[Any]) -> None:
    for error in (filled(cls), cls("a message"), cls()):
        again = make(error)
        assert type(again) is cls
        assert str(again) == str(error)
        assert all(getattr(again, name) == getattr(error, name) for name in cls.facts)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_facts_are_annotated_attributes_with_defaults(cls: type[Any]) -> None:
    annotated = {name for each in cls.__mro__ for name in vars(each).get("__annotations__", {})}
    assert set(cls.facts) <= annotated
    assert vars(cls()) == cls.facts
    with pytest.raises(TypeError, match="nonsense"):
        cls("a message", nonsense=1)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_is_public_and_in_the_tree_at_the_top(cls: type[Any]) -> None:
    assert errors.__doc__ is not None
    (line,) = [row for row in errors.__doc__.splitlines() if row.lstrip("│├└─ ").startswith(cls.__name__ + "(")] or [
        next(row for row in errors.__doc__.splitlines() if cls.__name__ in row)
    ]
    shown = {fact for fact in cls.facts if f".{fact}" in line}
    hidden = {"budget_exhausted", "errno", "server_message"}
    assert set(cls.facts) - shown <= hidden, line
    assert getattr(sc, cls.__name__) is cls
    assert cls.__name__ in sc.__all__


def test_one_except_catches_all_and_python_s_own_kinds_fit() -> None:
    assert all(
        issubclass(cls, errors.SellerCloudError) != issubclass(cls, errors.SellerCloudWarning) for cls in CLASSES
    )
    assert issubclass(sc.FilterError, ValueError)
    assert issubclass(sc.SettingsError, ValueError)
    assert issubclass(sc.CacheMissError, LookupError)
    assert issubclass(sc.AccessorError, AttributeError)
    assert issubclass(sc.SellerCloudWarning, UserWarning)
