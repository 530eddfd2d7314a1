"""A Parquet file that somebody else made: seals are no secret, so everything in it is a stranger's text."""

import copy
import json
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sc_pandas.errors import ExportError
from sc_pandas.parquet import export_table, read_parquet, sealed
from sc_pandas.parquet.sealed import NOTE_AT_MOST
from sc_pandas.provenance import ATTRS_KEY, Provenance

PROVENANCE = Provenance(
    base_url="https://tt.api.example", filter={"rating": [4, 5]}, verdict="proven (bookends)", rows=3
)
TABLE = pa.table({"user_id": pa.array([1, 2, 3], pa.int64()), "rating": pa.array([5, 5, 5], pa.int8())})
EDITIONS = Path(__file__).parent / "editions"
PART = {
    "folder": "ab", "number": 0, "of": 1, "columns": ["user_id", "rating"], "values": {"rating": 5},
    "types": {"rating": "int8"},
}  # fmt: skip
TRUE: dict[str, Any] = {"format": 1, "provenance": PROVENANCE.to_attrs(), "part": PART}


def crafted(path: Path, note: bytes, table: pa.Table = TABLE) -> Path:
    """Write a file with any note under a valid seal, as anybody can."""
    notes = patch.object(sealed, "_notes", lambda *_: {sealed.NOTE: note})
    with notes, patch.object(sealed, "NOTE_AT_MOST", 1 << 30), path.open("wb") as file:
        sealed.write_sealed(file, path, table.to_batches(), table.schema, PROVENANCE)
    return path


def outcome(path: Path) -> pd.DataFrame | str:
    """Return the frame, or the reason of the ExportError; nothing else may come."""
    try:
        return read_parquet(path)
    except ExportError as error:
        return error.reason


def crafted_part(folder: Path, note: object) -> Path:
    (folder / "rating=5").mkdir(parents=True, exist_ok=True)
    text = note if isinstance(note, bytes) else json.dumps(note).encode()
    crafted(folder / "rating=5" / "part-0.parquet", text, TABLE.select(["user_id"]))
    return folder


def with_part(**other: Any) -> dict[str, Any]:
    return TRUE | {"part": {name: value for name, value in (PART | other).items() if value is not ...}}


def deep(levels: int) -> bytes:
    return json.dumps(TRUE).encode().replace(b"[4, 5]", b"[" * levels + b"]" * levels)


NOTES: dict[str, object] = {
    "nothing": {}, "a list": [], "no format": {name: value for name, value in TRUE.items() if name != "format"},
    "a true format": TRUE | {"format": True}, "no provenance": {"format": 1, "part": PART},
    "provenance of nobody": TRUE | {"provenance": {}},
    "rows without end": TRUE | {"provenance": PROVENANCE.to_attrs() | {"rows": 10**30}}, "deep": deep(900),
    "deeper than Python": deep(100_000), "no text": json.dumps(TRUE).encode().replace(b"tt.api", b"\xff\xfe\xff"),
    "huge": json.dumps(TRUE).encode() + b" " * NOTE_AT_MOST, "part is a text": TRUE | {"part": "0 of 1"},
    "no columns": with_part(columns=...), "no values": with_part(values=...), "no types": with_part(types=...),
    "of a text": with_part(of="1"), "of many": with_part(of=1_000_000_000), "of none": with_part(of=0),
    "number beyond": with_part(number=1), "columns a number": with_part(columns=5),
    "columns twice": with_part(columns=["user_id", "user_id", "rating"]),
    "columns that are not there": with_part(columns=["user_id", "email", "rating"]),
    "folder an object": with_part(folder={}), "value too large": with_part(values={"rating": 10**30}),
    "value of another kind": with_part(values={"rating": "5"}),
    "value of an unknown column": with_part(values={"vip": 5}, types={"vip": "int8"}),
    "type of another column": with_part(types={"vip": "int8"}),
    "type that names nothing": with_part(types={"rating": "int7"}),
    "type a list": with_part(types={"rating": ["int8"]}),
    "half a letter": with_part(values={"rating": "\ud800"}, types={"rating": "string"}),
    "no day": with_part(values={"rating": "2026-02-30"}, types={"rating": "date32[day]"}),
}  # fmt: skip


@pytest.mark.parametrize("note", NOTES.values(), ids=NOTES.keys())
def test_a_crafted_note_is_one_error(tmp_path: Path, note: object) -> None:
    for columns in (None, ["rating"]):
        with pytest.raises(ExportError) as caught:
            read_parquet(crafted_part(tmp_path / "all", note), columns=columns)

        assert caught.value.reason == "mismatch"


def test_the_note_that_the_others_are_made_of_is_true(tmp_path: Path) -> None:
    frame = read_parquet(crafted_part(tmp_path / "all", TRUE))

    assert frame["rating"].tolist() == [5, 5, 5]
    assert Provenance.from_attrs(frame.attrs) == PROVENANCE


def test_only_what_we_know_gets_into_attrs(tmp_path: Path) -> None:
    note = {"format": 1, "provenance": PROVENANCE.to_attrs() | {"token": "s3cr3t", "deep": [[[]]]}}

    assert read_parquet(crafted(tmp_path / "x", json.dumps(note).encode())).attrs == {ATTRS_KEY: PROVENANCE.to_attrs()}


def test_a_note_that_no_reader_would_take_is_not_written(tmp_path: Path) -> None:
    long = Provenance(base_url="https://x", filter={"email": "x" * NOTE_AT_MOST})

    with pytest.raises(ExportError, match="takes more than 4 MiB") as caught:
        export_table(tmp_path / "x.parquet", TABLE, long)

    assert caught.value.reason == "mismatch"
    assert list(tmp_path.iterdir()) == []


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn) -> object:
    """Return a true note, some places of which hold anything, or nothing, or bytes that were changed."""
    note: Any = copy.deepcopy(TRUE)
    for _ in range(draw(st.integers(1, 3))):
        place: Any = note
        while True:
            name = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[name], dict | list) or not place[name] or draw(st.booleans()):
                break
            place = place[name]
        if draw(st.integers(0, 3)) or len(place) == 1:
            place[name] = draw(json_like)
        else:
            del place[name]
    text = json.dumps(note).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text) - 1))
        text = text[:at] + draw(st.binary(max_size=3)) + text[at + 1 :]
    return text


@settings(
    deadline=None, max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(note=mutated() | json_like)
def test_any_note_gives_a_frame_or_an_export_error(tmp_path: Path, note: object) -> None:
    folder = crafted_part(tmp_path / "all", note)
    for path in (folder, folder / "rating=5" / "part-0.parquet"):
        found = outcome(path)
        if isinstance(found, str):
            assert found in {"mismatch", "newer"}
        else:
            assert len(found) == 3
            attrs: Any = copy.deepcopy(found).attrs
            # A part that calls itself a whole export is one: a folder of one export.
            notes = [{"sellercloud": each} for each in attrs.get("sellercloud_files", {}).values()] or [attrs]
            assert all(Provenance.from_attrs(each) is not None for each in notes)


def test_any_damage_gives_the_frame_or_an_export_error(tmp_path: Path) -> None:
    """Bytes anywhere and, where no digest helps, in the footer; a seed, so that they are the same each time."""
    note = json.dumps({"format": 1, "provenance": PROVENANCE.to_attrs()}).encode()
    content = crafted(tmp_path / "x", note).read_bytes()
    good, footer = read_parquet(tmp_path / "x"), content.index(b"user_id", content.index(b"user_id") + 1) - 20
    randomly, found = random.Random(5), []
    for round_ in range(600):
        changed = bytearray(content)
        for _ in range(randomly.randint(1, 3)):
            changed[randomly.randrange(footer if round_ % 4 else 0, len(changed))] = randomly.randrange(256)
        (tmp_path / "x").write_bytes(changed if round_ % 9 else content[: randomly.randrange(len(content))])
        found.append(outcome(tmp_path / "x"))

    frames = [each for each in found if not isinstance(each, str)]
    assert {each for each in found if isinstance(each, str)} == {"mismatch", "not_ours"}
    assert all(each.equals(good) and each.attrs == good.attrs for each in frames)
    assert frames


ODD_TYPES = {
    "null": pa.nulls(1), "month and day": pa.array([pa.MonthDayNano([1, 2, 3])]),
    "a dictionary": pa.array(["a"]).dictionary_encode(),
    "a map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "half a float": pa.array([1.5], pa.float16()),
    "bytes": pa.array([b"\xff"]), "views": pa.array(["a"], pa.string_view()),
    "a list of json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"])),
    "a decimal": pa.array([1], pa.decimal256(50, 2)),
}  # fmt: skip


@pytest.mark.parametrize("array", ODD_TYPES.values(), ids=ODD_TYPES.keys())
def test_columns_of_any_type_give_a_frame_or_an_export_error(tmp_path: Path, array: pa.Array) -> None:
    note = json.dumps({"format": 1, "provenance": PROVENANCE.to_attrs()}).encode()
    try:
        path = crafted(tmp_path / "x", note, pa.table({"a": array}))
    except pa.ArrowNotImplementedError:
        pytest.skip("Parquet has no such type")
    found = outcome(path)

    assert found == "mismatch" if isinstance(found, str) else len(found) == 1


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's name may have 107 letters
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


def make_link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


SPECIAL: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo, "socket": make_socket, "device": lambda path: path.symlink_to("/dev/zero"),
    "pipe by a link": make_link_to_pipe,
}  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [*SPECIAL.values(), Path.mkdir], ids=[*SPECIAL, "folder"])
def test_what_is_no_plain_file_is_not_opened(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = crafted_part(tmp_path / "all", TRUE)
    make(folder / "part-1.parquet")
    if make is not Path.mkdir:
        make(tmp_path / "x")
        with pytest.raises(ExportError, match="would be lost"):
            export_table(folder, TABLE, PROVENANCE, partition_by="rating", overwrite=True)

    for path in (tmp_path / "x", folder)[make is Path.mkdir :]:
        with pytest.raises(ExportError, match="no file") as caught:
            read_parquet(path)
        assert caught.value.reason == "mismatch"


def test_a_link_to_a_file_or_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(crafted_part(tmp_path / "all", TRUE))
    (tmp_path / "x.parquet").symlink_to(EDITIONS / "edition-0.1.0.parquet")

    assert len(read_parquet(tmp_path / "link")) == 3
    assert len(read_parquet(tmp_path / "x.parquet")) == 5


def test_what_earlier_editions_wrote_opens_as_it_did() -> None:
    """A file and a folder of the edition before notes were checked; nobody writes them anew."""
    one, many = read_parquet(EDITIONS / "edition-0.1.0.parquet"), read_parquet(EDITIONS / "edition-0.1.0-parts")

    pd.testing.assert_frame_equal(one, many)
    assert one["tier"].tolist() == ["a/b", "../..", "ü%41", pd.NA, "."]
    assert one["rating"].tolist() == [5, pd.NA, 5, -1, pd.NA]
    assert one.dtypes.astype(str).tolist() == [
        "int64[pyarrow]", "int8[pyarrow]", "string[pyarrow]", "bool[pyarrow]", "date32[day][pyarrow]",
        "list<item: string>[pyarrow]",
    ]  # fmt: skip
    written = json.loads(pq.read_metadata(EDITIONS / "edition-0.1.0.parquet").metadata[sealed.NOTE])["provenance"]
    assert one.attrs == many.attrs == {ATTRS_KEY: written}
    assert (written["tenant"], written["frame_rows"], written["privacy"]) == ("0123abcd", 5, ["redacted"])
    typed = read_parquet(EDITIONS / "edition-0.1.0-types.parquet").dtypes.astype(str)
    names = ["rating", "custom.Lifetime Value", "created_month"]
    assert typed[names].tolist() == ["int8[pyarrow]", "decimal128(38, 10)[pyarrow]", "date32[day][pyarrow]"]
