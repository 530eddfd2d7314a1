"""The public surface as a type checker sees it; mypy reads this file, nobody runs it."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_type

import pandas as pd
import pyarrow as pa

import sc_pandas as sc


def connecting() -> None:
    shop = sc.connect("tt")
    assert_type(shop, sc.Connection)
    sc.connect("team:NAME", username="u", password="p", cache_dir=Path("c"), max_wait=timedelta(minutes=5))
    sc.connect(servre="tt")  # type: ignore[call-arg]
    sc.connect("tt", dialect="klingon")  # type: ignore[arg-type]


def reading(shop: sc.Connection) -> None:
    assert_type(sc.read_sellercloud_customers(shop), pd.DataFrame)
    assert_type(sc.read_sellercloud_customers("tt", username="u", password="p", rating=5), pd.DataFrame)
    sc.read_sellercloud_customers(shop, customer_type="Wholesale", created_on_from="2026-01-01")
    sc.read_sellercloud_customers(
        shop, rating=[sc.Rating.Satisfied, "Very Satisfied"], created_on_to="2026-06-30 12:00"
    )
    sc.read_sellercloud_customers(shop, limit=10, columns=["user_id"], cache="offline", max_age=60)
    sc.read_sellercloud_customers(shop, ratng=5)  # type: ignore[call-overload]
    sc.read_sellercloud_customers(shop, city=5)  # type: ignore[call-overload]
    sc.read_sellercloud_customers(shop, username="u")  # type: ignore[call-overload]
    sc.read_sellercloud_customers(shop, cache="sometimes")  # type: ignore[call-overload]


def asking(shop: sc.Connection) -> None:
    query = shop.customers(rating=["Satisfied"], subscribed=True, channel=[42, "Amazon"])
    assert_type(query, sc.CustomerQuery)
    assert_type(query.count(), sc.Count)
    assert_type(query.count().is_upper_bound, bool)
    assert_type(query.estimate(), sc.Estimate)
    assert_type(query.head(), pd.DataFrame)
    assert_type(query.page(2, 50), sc.CustomerPage)
    read = query.run()
    assert_type(read, sc.CustomerRead)
    assert_type(read.report, sc.ReadReport)
    assert_type(read.report.coercions, tuple[sc.Coercion, ...])
    assert_type(query.to_pandas(), pd.DataFrame)
    assert_type(query.to_pandas(dtype_backend="numpy"), pd.DataFrame)
    query.to_pandas(dtype_backend="arrow")  # type: ignore[arg-type]
    shop.customers(dtype_backend="numpy_nullable", exact_decimals=True)
    assert_type(query.to_parquet("customers.parquet"), Path)
    assert_type(query.to_code(), str)
    batch: pa.RecordBatch
    for batch in query.iter_batches():
        assert_type(batch, pa.RecordBatch)
    shop.customers(ratng=5)  # type: ignore[call-arg]


def filtering() -> None:
    question = sc.CustomerFilter.of(rating=5, city="Bern")
    assert_type(question, sc.CustomerFilter)
    assert_type(sc.CustomerFilter.of(**question.to_dict()), sc.CustomerFilter)
    assert_type(question.rating, tuple[int, ...] | None)


def segmenting(shop: sc.Connection, frame: pd.DataFrame) -> None:
    segments = sc.Segments()
    segments.save("happy", rating=[4, 5])
    segments.save("big", sc.CustomerFilter.of(customer_type="Wholesale"))
    segments.save("sad", ratng=1)  # type: ignore[call-arg]
    assert_type(segments["happy"], sc.CustomerFilter)
    run = shop.segments("happy", "big", cache="refresh", max_age=timedelta(hours=1))
    assert_type(run, sc.SegmentRun)
    assert_type(run["happy"], sc.SegmentResult)
    assert_type(run["happy"].since, datetime | None)
    assert_type(run["happy"].ids & run["big"].ids, frozenset[int])
    run["happy"] & run["big"]  # type: ignore[operator]
    assert_type(run["happy"].to_pandas(), pd.DataFrame)
    frame[run["happy"].mask(frame)]
    shop.segments(["happy"])  # type: ignore[arg-type]


def files(frame: pd.DataFrame) -> None:
    assert_type(sc.read_parquet("customers.parquet", dtype_backend="numpy"), pd.DataFrame)


def accessor(frame: pd.DataFrame, saved: sc.Segments) -> None:
    customers = sc.SellerCloudAccessor(frame)
    assert_type(customers, sc.SellerCloudAccessor)
    assert_type(customers.where(rating=5, channel=["Amazon", 42]), pd.DataFrame)
    customers.where(ratng=5)  # type: ignore[call-arg]
    customers.segment({"trade": {"customer_type": "Wholesale"}, "late": frame["user_id"] > 5}, default="others")
    customers.segment(saved)
    assert_type(customers.summary(), sc.Summary)
    assert_type(customers.duplicates(by=["email", "phone"], region="GB"), pd.DataFrame)
    assert_type(customers.drop_duplicates(keep=False), pd.DataFrame)
    assert_type(customers.mailing_list(not_in_groups=["No mail"]), pd.DataFrame)
    assert_type(customers.refresh(), pd.DataFrame)
    change = customers.diff(customers.refresh())
    assert_type(change, sc.FrameDifference)
    assert_type(change.added, pd.DataFrame)
    customers.plot.by_rating().set_title("Ratings")


def errors() -> None:
    try:
        sc.connect("tt").log_in()
    except sc.RateLimitedError as error:
        assert_type(error.reset_at, datetime | None)
    except sc.SellerCloudError as error:
        assert_type(error, sc.SellerCloudError)


def sandbox() -> None:
    with sc.sandbox.serve(customers=10, seed=7) as box:
        assert_type(box.url, str)


def including(shop: sc.Connection) -> None:
    """Columns that the list does not carry."""
    query = shop.customers(include=["channel", "phones"], customer_type="Wholesale")
    assert_type(query.estimate().calls, int)
    read = query.run()
    assert_type(read.report.gaps, tuple[sc.IncludeGap, ...])
    assert_type(read.report.gaps[0].include, tuple[str, ...])
    sc.read_sellercloud_customers(shop, include="created_month")
    sc.read_sellercloud_customers("tt", username="u", include=("groups",), city=["Bern"])
