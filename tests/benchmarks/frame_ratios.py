"""What `df.sellercloud` costs on a large frame, beside plain pandas or Arrow doing the same; interleaved in one run.

Run it with ``python tests/benchmarks/frame_ratios.py [--customers 1000000]``.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

import sc_pandas as sc

Work = Callable[[], object]


def frame_of(size: int) -> pd.DataFrame:
    """Make customers: one in twelve shares an e-mail, one in fifty has a name that is not ASCII."""
    draw = np.random.default_rng(7)
    numbers = pa.array(draw.integers(0, size * 6, size)).cast(pa.string())
    names = pa.array(["Miller", "O'Brien", "smith", "Garcia", "van Dyke", "Zoë", *["Jones"] * 44])
    text = {
        "email": pc.binary_join_element_wise("User", numbers, "@Example.org", ""),
        "first_name": names.take(pa.array(draw.integers(0, 50, size))),
        "last_name": pc.binary_join_element_wise(names.take(pa.array(draw.integers(0, 50, size))), numbers, " "),
        "corporate_name": pa.nulls(size, pa.string()),
        "rating_name": pa.array(["Neutral", "Satisfied"]).take(pa.array(draw.integers(0, 2, size))),
    }
    ratings = pa.array(draw.integers(0, 6, size), pa.int8())
    kinds = pa.array(draw.integers(0, 2, size) == 1)
    columns = {"user_id": pa.array(np.arange(size)), **text, "rating": ratings, "is_whole_sale_user": kinds}
    frame: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)
    frame.attrs["sellercloud"] = sc.Provenance(base_url="https://tt.api.example", rows=size).to_attrs()
    return frame


def pairs_of(df: pd.DataFrame) -> dict[str, tuple[Work, Work]]:
    """Return what is compared: ours, and the plain expression."""
    ours = sc.SellerCloudAccessor(df)
    email, ids = str(df["email"].iloc[len(df) // 2]), list(range(5, len(df), max(len(df) // 5_000, 1)))
    segments = {"trade": {"customer_type": 1}, "happy": {"rating": [4, 5]}, "smiths": {"last_name": "smith"}}

    def labels() -> object:
        masks = [
            df["is_whole_sale_user"].to_numpy(dtype=bool),
            df["rating"].isin([4, 5]).to_numpy(dtype=bool),
            df["last_name"].str.lower().str.contains("smith", regex=False).to_numpy(dtype=bool, na_value=False),
        ]
        return pd.Series(np.select(masks, list(segments), ""), index=df.index, dtype="string[pyarrow]")

    def alike() -> object:
        keys = df["email"].str.strip().str.lower()
        found = df[keys.duplicated(keep=False)]
        return found.assign(group=keys[found.index].factorize()[0]).sort_values(["group", "user_id"])

    def counted() -> object:
        return [df[name].value_counts(dropna=False) for name in ("rating_name",)], df.isna().mean()

    return {
        "where(email=)": (
            lambda: ours.where(email=email.upper()), lambda: df[df["email"].str.lower() == email.lower()],
        ),
        "where(last_name=)": (
            lambda: ours.where(last_name="SMITH"),
            lambda: df[df["last_name"].str.lower().str.contains("smith", regex=False)],
        ),
        "where(customer_ids=5,000)": (lambda: ours.where(customer_ids=ids), lambda: df[df["user_id"].isin(ids)]),
        "segment(3)": (lambda: ours.segment(segments, default=""), labels),
        'duplicates(by="email")': (lambda: ours.duplicates(by="email"), alike),
        "summary()": (ours.summary, counted),
    }  # fmt: skip


def timed(work: Work) -> float:
    """Return the CPU seconds of a call."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    pairs = pairs_of(frame_of(asked.customers))
    print(f"{asked.customers:,} customers, CPU seconds, medians of {asked.repeats} (least)")
    for name, pair in pairs.items():
        rounds = [tuple(map(timed, pair)) for _ in range(asked.repeats)]
        ours, plain = (sorted(column) for column in zip(*rounds, strict=True))
        middles = statistics.median(ours), statistics.median(plain)
        print(
            f"{name:<28}{middles[0]:7.3f} ({ours[0]:.3f}) s, plain {middles[1]:7.3f} ({plain[0]:.3f}) s: "
            f"{middles[0] / middles[1]:5.2f} x ({ours[0] / plain[0]:.2f} x)"
        )


if __name__ == "__main__":
    main()
