"""A keyring in memory in place of the machine's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import keyring
import keyring.backend


class KeyringInMemory(keyring.backend.KeyringBackend):
    """Keeps passwords in a dictionary."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@contextmanager
def keyring_in_memory() -> Iterator[KeyringInMemory]:
    before = keyring.get_keyring()
    mine = KeyringInMemory()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)
