"""A frame, file or pickle that names a stranger's server makes no login travel there, whatever is done with it."""

import getpass
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import sc_pandas as sc
from sc_pandas import contract
from sc_pandas.parquet import write_parquet
from sc_pandas.provenance import Provenance
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret, base_url, keep_in_keyring, tenant_digest
from tests.cli.conftest import keys
from tests.faults.raw import RawServer, page, whole
from tests.support.shops import shop_of

__all__ = ["keys"]
BOSS = "boss@example.org"


class Thief(RawServer):
    """A server of somebody else's, that would give everybody a token and counts whatever comes."""

    @property
    def url(self) -> str:
        return f"{super().url}/rest"

    @property
    def heard(self) -> int:
        return self.calls + self.logins


@pytest.fixture(scope="module")
def thief() -> Iterator[Thief]:
    with Thief(lambda wire: wire.send(whole(page([])))) as server:
        yield server


@pytest.fixture(scope="module")
def box() -> Iterator[sc.sandbox.Sandbox]:
    with sc.sandbox.serve(customers=60, seed=7) as server:
        yield server


def of_attrs(real: pd.DataFrame, url: str, _folder: Path) -> pd.DataFrame:
    frame = real.copy()
    frame.attrs = {"sellercloud": {**real.attrs["sellercloud"], "base_url": url}}
    return frame


def of_a_stranger(real: pd.DataFrame, url: str, folder: Path) -> pd.DataFrame:
    """Its seal is a checksum, so that anybody makes such a file; it does not even say whose it is."""
    table = sc_table(real)
    write_parquet(folder / "gift.parquet", table.to_batches(), table.schema, Provenance(base_url=url))
    return sc.read_parquet(folder / "gift.parquet")


def of_pandas(real: pd.DataFrame, url: str, folder: Path) -> pd.DataFrame:
    of_a_stranger(real, url, folder)
    return pd.read_parquet(folder / "gift.parquet")


def of_folder(real: pd.DataFrame, url: str, folder: Path) -> pd.DataFrame:
    of_attrs(real, url, folder).sellercloud.to_parquet(folder / "parts", partition_by="rating_name")
    return sc.read_parquet(folder / "parts")


def of_pickle(real: pd.DataFrame, url: str, folder: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pickle.loads(pickle.dumps(of_attrs(real, url, folder)))  # noqa: S301
    return frame


def put_together(real: pd.DataFrame, url: str, folder: Path) -> pd.DataFrame:
    crafted = of_attrs(real, url, folder)
    return pd.concat([crafted.head(2), crafted.tail(2)])


SOURCES: dict[str, Callable[[pd.DataFrame, str, Path], pd.DataFrame]] = {
    "attrs": of_attrs, "parquet": of_a_stranger, "pandas.read_parquet": of_pandas, "folder": of_folder,
    "pickle": of_pickle, "concat": put_together, "segment": of_attrs,
}  # fmt: skip


def sc_table(frame: pd.DataFrame) -> Any:
    out = io.BytesIO()
    frame.to_parquet(out)
    return pq.read_table(io.BytesIO(out.getvalue())).replace_schema_metadata(None)


@pytest.fixture(scope="module")
def crafted(
    box: sc.sandbox.Sandbox, thief: Thief, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], pd.DataFrame]:
    """Return a frame of each source that names the thief, and the user who read it."""
    folder = tmp_path_factory.mktemp("gifts")
    with shop_of(box, folder / "cache") as shop:
        real = shop.customers().to_pandas()
        run = shop.segments(segments={"all": sc.CustomerFilter()})["all"]
    read = replace(run.read, provenance=replace(run.read.provenance, base_url=thief.url))
    stolen = replace(run, read=read)
    made = {name: make(real, thief.url, folder) for name, make in SOURCES.items()}
    made["segment"] = pickle.loads(pickle.dumps(stolen)).to_pandas()  # noqa: S301
    for name, frame in made.items():
        assert sc.SellerCloudAccessor(frame).provenance.base_url == thief.url, name
    return lambda name: made[name].copy()


Patch = pytest.MonkeyPatch


def in_environment(box: sc.sandbox.Sandbox, patch: Patch, *, server: str, **login: str) -> None:
    for name, value in {"SERVER": server, **login}.items():
        patch.setenv(f"SELLERCLOUD_{name}", value)


def password_of_environment(box: sc.sandbox.Sandbox, patch: Patch, _folder: Path) -> None:
    in_environment(box, patch, server=box.url, USERNAME=box.username, PASSWORD=box.password)


def token_of_environment(box: sc.sandbox.Sandbox, patch: Patch, _folder: Path) -> None:
    in_environment(box, patch, server=box.url, TOKEN="canary-token")


def without_server(box: sc.sandbox.Sandbox, patch: Patch, _folder: Path) -> None:
    in_environment(box, patch, server="", USERNAME=box.username, PASSWORD=box.password)


def of_team(box: sc.sandbox.Sandbox, patch: Patch, _folder: Path) -> None:
    patch.setattr(contract, "TEAM_LOOKUP_URL", f"{box.url}/api/server-by-team/")
    in_environment(box, patch, server="team:sandbox", USERNAME=box.username, PASSWORD=box.password)


def of_keyring(box: sc.sandbox.Sandbox, _patch: Patch, _folder: Path) -> None:
    keep_in_keyring(base_url(box.url), box.username, Secret(box.password))


def of_person(_box: sc.sandbox.Sandbox, patch: Patch, _folder: Path) -> None:
    """Let a person sit there, who would type whatever is asked."""
    patch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda _self: True})())
    patch.setattr("builtins.input", lambda *_prompt: pytest.fail("a person was asked on behalf of a frame"))
    patch.setattr(getpass, "getpass", lambda _prompt: pytest.fail("a person was asked on behalf of a frame"))


def open_elsewhere(box: sc.sandbox.Sandbox, _patch: Patch, folder: Path) -> Connection:
    return shop_of(box, folder)


LOGINS: dict[str, Callable[[sc.sandbox.Sandbox, Patch, Path], Connection | None]] = {
    "environment": password_of_environment, "token": token_of_environment, "no server": without_server,
    "team": of_team, "keyring": of_keyring, "person": of_person, "open elsewhere": open_elsewhere,
}  # fmt: skip

VERBS: dict[str, Callable[[Any], object]] = {
    "query": lambda accessor: accessor.query,
    "count": lambda accessor: accessor.query.count(),
    "refresh": lambda accessor: accessor.refresh(),
    "refresh offline": lambda accessor: accessor.refresh(cache="offline"),
    "panel": lambda accessor: accessor.panel(),
    "code": lambda accessor: exec(accessor.to_code(), {}),  # noqa: S102  # what a user may do with it
}


@pytest.mark.fault("G01", "G18")
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("verb", "login"),
    # Who runs the code connects, and the prompt names the host.
    [(verb, login) for verb in VERBS for login in LOGINS if (verb, login) != ("code", "person")],
)
def test_no_login_travels(
    verb: str,
    source: str,
    login: str,
    box: sc.sandbox.Sandbox,
    thief: Thief,
    crafted: Callable[[str], pd.DataFrame],
    keys: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    frame = crafted(source)
    opened = LOGINS[login](box, monkeypatch, tmp_path)
    with pytest.raises(sc.SettingsError if verb == "code" else sc.AccessorError) as refused:
        VERBS[verb](sc.SellerCloudAccessor(frame))
    assert thief.heard == 0
    assert thief.url.split("/")[2] in str(refused.value)
    assert "connect" in str(refused.value) or verb == "code"
    if opened is not None:
        opened.close()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("verb", ["query", "refresh", "panel"])
def test_another_user_there_is_not_asked(
    verb: str, source: str, box: sc.sandbox.Sandbox, thief: Thief, crafted: Any, tmp_path: Path
) -> None:
    """Open at that very URL, but by somebody else than the frame's user."""
    frame = crafted(source)
    note = {**frame.attrs["sellercloud"], "tenant": tenant_digest(thief.url, f"user:{box.username}")}
    frame.attrs = {"sellercloud": note}
    boss = Credentials(BOSS, password=Secret("boss-canary"))
    with Connection(thief.url, boss, cache_dir=tmp_path), pytest.raises(sc.AccessorError, match="by another user"):
        VERBS[verb](sc.SellerCloudAccessor(frame))
    assert thief.heard == 0


@pytest.mark.parametrize("login", [name for name in LOGINS if name not in {"person", "no server", "token"}])
def test_control_the_right_server_is_asked(
    login: str, box: sc.sandbox.Sandbox, keys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each of these logins does travel, to where it belongs: the table above can fail."""
    monkeypatch.setenv("SC_PANDAS_CACHE_DIR", str(tmp_path))
    with shop_of(box, tmp_path / "first") as shop:
        frame = shop.customers().to_pandas()
    before = box.calls("token")
    opened = LOGINS[login](box, monkeypatch, tmp_path)
    query = sc.SellerCloudAccessor(frame).query
    assert len(sc.SellerCloudAccessor(frame).refresh()) == 60
    assert box.calls("token") > before
    for each in filter(None, (opened, query.connection)):
        each.close()


# User names and ends of lines are dropped from a note; what is left names the own server.
AT_HOME = {("http://", "{stranger}\\@{own}"), ("http://", "{own}/rest\n")}


@pytest.mark.fault("G01")
@pytest.mark.parametrize(
    "spelt",
    [
        "{own}@{stranger}", "{stranger}/rest#{own}", "{stranger}/rest?{own}", "{own}.evil.example", "{stranger}\\@{own}",
        "{own}/rest\n", "[::ffff:127.0.0.1]", "0x7f.1", "{own}/../{stranger}", "169.254.169.254", "{own}:80", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http://", "https://", "", "team:", "file://"])
def test_no_spelling_of_a_server_gets_a_login(
    scheme: str, spelt: str, box: sc.sandbox.Sandbox, thief: Thief, crafted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    password_of_environment(box, monkeypatch, Path())
    own, stranger = box.url.removeprefix("http://"), thief.url.removeprefix("http://").removesuffix("/rest")
    frame = crafted("attrs")
    named = scheme + spelt.format(own=own, stranger=stranger)
    frame.attrs = {"sellercloud": {**frame.attrs["sellercloud"], "base_url": named, "tenant": ""}}
    if (scheme, spelt) in AT_HOME:
        assert sc.SellerCloudAccessor(frame).query.connection.url == base_url(box.url)
    else:
        with pytest.raises(sc.AccessorError, match="connect"):
            sc.SellerCloudAccessor(frame).refresh()
    assert thief.heard == 0
