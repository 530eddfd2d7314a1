"""What a process owns is not its child's: after `fork`, locks are new, and sockets, files and logins are opened anew.

Whatever holds one of them registers here, once, with the function that renews it.  That function runs in the child
before any other code does.  It takes no lock, because a thread of the parent may have held it and is not there any
more; it waits for nobody; and it undoes nothing that the parent goes on to use.

SQLite and OpenSSL have locks that nobody can renew, so no thread of ours is inside them when a process forks.
SQLite is closed, too: a connection that is carried over makes the child believe in file locks of its parent.
"""

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

PATIENCE_S: Final = 3.0
T = TypeVar("T")
_OWNED: Final[WeakKeyDictionary[Any, Callable[[Any], object]]] = WeakKeyDictionary()
_RESTING: Final[WeakKeyDictionary[Any, tuple[Any, Callable[[Any], object], Callable[[Any], object]]]] = (
    WeakKeyDictionary()
)
# Locks of what rests while a fork is under way.
_HELD: Final[list[Any]] = []
# Two threads that fork at once do so one after the other.
_ONE_FORK: Final = threading.RLock()


def owned(thing: T, renew: Callable[[T], object]) -> T:
    """Have `renew` make a thing the child's own after each fork, as long as the thing lives."""
    _OWNED[thing] = renew
    return thing


def rests(
    thing: T, lock: "threading.RLock", *, close: Callable[[T], object] = id, abandon: Callable[[T], object] = id
) -> None:
    """Have a thing be at rest, closed and its lock held, whenever the process forks.

    Where the lock cannot be had within `PATIENCE_S`, the child is to `abandon` the thing.  While a fork is under way
    this waits, so that nothing is opened then.
    """
    with _ONE_FORK:
        _RESTING[thing] = (lock, close, abandon)


def new_lock() -> threading.Lock:
    """Make a lock that is free in a child, whoever held it in the parent."""
    return owned(threading.Lock(), _renew_lock)


def new_rlock() -> "threading.RLock":
    """Make a lock that its thread may take twice, and that is free in a child."""
    return owned(threading.RLock(), _renew_lock)


def _renew_lock(lock: Any) -> None:
    # The standard library's own way (logging, concurrent.futures): a new lock in the old one's place, none is let go.
    lock._at_fork_reinit()  # noqa: SLF001


def let_be(thing: object) -> None:
    """Keep a thing of the parent for ever, so that nothing of it runs in the child, not even at its end."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _living(things: WeakKeyDictionary[Any, Any]) -> list[Any]:
    return [thing for ref in things.keyrefs() if (thing := ref()) is not None]


def _before() -> None:
    _ONE_FORK.acquire()
    until = time.monotonic() + PATIENCE_S
    for thing in _living(_RESTING):
        lock, close, _abandon = _RESTING[thing]
        if lock.acquire(timeout=max(0.0, until - time.monotonic())):
            _HELD.append(lock)
            close(thing)


def _in_parent() -> None:
    while _HELD:
        _HELD.pop().release()
    with contextlib.suppress(RuntimeError):  # Ctrl-C came before it was had
        _ONE_FORK.release()


def _in_child() -> None:
    _renew_lock(_ONE_FORK)
    # The newest first: a part is registered after its whole, which may forget it, and then it must have let go.
    for thing in reversed(_living(_OWNED)):
        _OWNED[thing](thing)
    for thing in _living(_RESTING):
        lock, _close, abandon = _RESTING[thing]
        if lock not in _HELD:
            abandon(thing)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
