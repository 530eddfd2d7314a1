import inspect
import pickle
import re
from collections.abc import Iterator
from typing import Any

import numpydoc.docscrape
import pytest

import sc_pandas as sc
from sc_pandas import errors

PUBLIC = [name for name in sc.__all__ if name != "sandbox"]


def public_callables() -> Iterator[tuple[str, Any]]:
    for name in PUBLIC:
        thing = getattr(sc, name)
        yield name, thing
        if inspect.isclass(thing):
            for each, member in vars(thing).items():
                if not each.startswith("_"):
                    plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
                    if inspect.isfunction(plain) or isinstance(plain, property):
                        yield f"{name}.{each}", plain


def test_all_is_sorted_and_real() -> None:
    """`__all__` lists exactly the public names of the package's face, in order."""
    assert sorted(sc.__all__) == sc.__all__
    for name in sc.__all__:
        assert getattr(sc, name) is not None
    assert {name for name in dir(sc) if not name.startswith("__")} == set(sc.__all__)


@pytest.mark.parametrize(
    ("name", "thing"), list(public_callables()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_public_name_is_documented(name: str, thing: Any) -> None:
    """Every public name has a docstring; what returns rows says their shape and types, under Returns or Yields."""
    text = inspect.getdoc(thing)
    assert text, f"{name} has no docstring"
    if isinstance(thing, property):
        return
    document = numpydoc.docscrape.NumpyDocString(text)
    returns = inspect.signature(thing).return_annotation if inspect.isfunction(thing) else None
    if re.search("DataFrame|Series|Table|Batch", str(returns)):
        assert document["Returns"] or document["Yields"], f"{name} does not say what it returns"


_RAISED = re.compile(r"raise (\w*Error)\b|raise (\w*Error)\.")


@pytest.mark.parametrize(
    ("name", "thing"), list(public_callables()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_raised_is_documented(name: str, thing: Any) -> None:
    """A public function whose body raises one of our errors names it, or a parent of it, under Raises."""
    function = thing.fget if isinstance(thing, property) else thing
    if not inspect.isfunction(function):
        return
    raised = {a or b for a, b in _RAISED.findall(inspect.getsource(function))} & set(vars(errors))
    text = inspect.getdoc(thing) or ""
    documented = text.partition("Raises\n------")[2]
    for error in raised:
        names = {cls.__name__ for cls in getattr(errors, error).__mro__}
        assert any(re.search(rf"\b{each}\b", documented) for each in names - {"Exception", "object"}), (
            f"{name} raises {error} and does not say so"
        )


def test_connection_refuses_to_travel(tmp_path: Any) -> None:
    """A connection holds a login and is not pickled."""
    shop = sc.connect("tt", username="u", password="p", cache_dir=tmp_path)
    with pytest.raises(TypeError, match="connect again"):
        pickle.dumps(shop)
    shop.close()
