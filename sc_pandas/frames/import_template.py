"""A frame in the columns of SellerCloud's own import, "Import Customer Accounts".

Documented on that help page: the columns below; that retail customers take a first and a last name and wholesale
customers a business name; that IsWholeSale is 1 or True and TaxExempt True or False.

Not documented, and assumed: the import finds a customer by the e-mail address (the help page "Customer Management
Overview" calls it the main key of a profile), so that it is asked for in every row and may stand in one row only; a
column that is left out changes nothing; a customer is in one group.  There is no column for the customer's id, so
that an id cannot make the match, and an e-mail address that changed creates a second customer.
"""

import warnings
from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.errors import ExportError, SellerCloudWarning, SettingsError
from sc_pandas.files import PathLike, plain_path
from sc_pandas.frames.spreadsheets import formulas_in, write_csv, write_excel
from sc_pandas.parquet import frame_to_arrow
from sc_pandas.provenance import Provenance
from sc_pandas.query.values import outside
from sc_pandas.tables import to_pandas

Incomplete = Literal["warn", "raise", "drop", "keep"]
_TEXTS: Final[Mapping[str, str]] = {
    "FirstName": "first_name",
    "LastName": "last_name",
    "BusinessName": "corporate_name",
    "Email": "email",
}
_ORDER: Final = (
    *_TEXTS, "CompanyID", "IsWholeSale", "TaxExempt", "UserGroupName", "AllowShippingUnPaidOrders",
)  # fmt: skip
_SHOWN: Final = 5


def template_of(frame: pd.DataFrame, note: Provenance | None, incomplete: Incomplete) -> pd.DataFrame:
    """Make the frame; see `SellerCloudAccessor.to_import_template`."""
    if incomplete not in {"warn", "raise", "drop", "keep"}:
        raise SettingsError("incomplete is 'warn', 'raise', 'drop' or 'keep'.", setting="incomplete")
    if note is not None and note.privacy:
        raise ExportError(
            f"This frame was {' and '.join(note.privacy)}: importing it would overwrite customers with what is no name "
            "and no address. Use the frame that was read.",
            reason="mismatch",
        )
    table = frame_to_arrow(frame.reset_index(drop=True))
    filled = _filled(table)
    lacking = _lacking(filled, table)
    bad = np.zeros(len(frame), dtype=bool)
    for mask in lacking.values():
        bad |= mask.to_numpy(zero_copy_only=False)
    # Where nobody is left, a column is missing rather than a name here and there.
    if lacking and (incomplete == "raise" or (incomplete == "warn" and bad.all())):
        raise ExportError(
            f"{bad.sum():,} of {len(frame):,} customers lack what SellerCloud's import needs. {_told(lacking, table)}. "
            "Fill it in, or pass incomplete='drop' to leave them out, or incomplete='keep' to look at them: the index "
            "is the frame's.",
            reason="mismatch",
        )
    template = to_pandas(filled).set_axis(frame.index, axis=0)
    if lacking and incomplete == "warn":
        warnings.warn(
            f"{bad.sum():,} of {len(frame):,} customers are left out: they lack what SellerCloud's import needs. "
            f"{_told(lacking, table)}. To see all of them: incomplete='keep'; to leave them out silently: "
            "incomplete='drop'; to stop instead: incomplete='raise'.",
            SellerCloudWarning,
            stacklevel=outside(),
        )
    return template if incomplete == "keep" else template[~bad]


def write_template(template: pd.DataFrame, path: PathLike) -> None:
    """Write the template as its suffix says; no apostrophe may get into it, it would be imported."""
    suffix = plain_path(path).suffix.lower()
    plain = template.reset_index(drop=True)
    if suffix == ".xlsx":
        # Its texts are typed as texts, so that none can run.
        write_excel(plain, path, None, formula_guard=False)
        return
    if suffix != ".csv":
        raise SettingsError("path ends in .xlsx or .csv.", setting="path")
    risky = formulas_in(plain)
    if risky:
        raise ExportError(
            f"{path} cannot be written: {sum(risky.values()):,} texts ({', '.join(risky)}) begin as formulas do, and "
            "would run when somebody opens the CSV in a spreadsheet; an apostrophe before them would be imported as "
            "part of the name. Write .xlsx, where they are typed as text, or look at these rows first.",
            path=str(path), reason="mismatch",
        )  # fmt: skip
    write_csv(plain, path, formula_guard=False, encoding="utf-8")


def _filled(table: pa.Table) -> pa.Table:
    """Fill the import's columns from what the frame has; what it has not is left out."""
    made: dict[str, Any] = {name: _text(table, column) for name, column in _TEXTS.items()}
    made["CompanyID"] = _typed(table, "company_id", pa.int64())
    made["IsWholeSale"] = _is_wholesale(table)
    made["TaxExempt"] = _typed(table, "tax_exempt", pa.bool_())
    made["UserGroupName"] = _one_group(table)
    made["AllowShippingUnPaidOrders"] = _typed(table, "allow_shipping_un_paid_orders", pa.bool_())
    return pa.table({name: made[name] for name in _ORDER if made[name] is not None})


def _text(table: pa.Table, name: str) -> Any:
    """Give a text column; a column that the frame has not is empty, so that it can be told what is missing."""
    values = _typed(table, name, pa.string())
    return pa.nulls(table.num_rows, pa.string()) if values is None else values


def _typed(table: pa.Table, name: str, of_type: pa.DataType) -> Any:
    if name not in table.column_names:
        return None
    try:
        return table.column(name).combine_chunks().cast(of_type)
    except pa.ArrowException:
        # Arrow's message quotes a value.
        raise ExportError(
            f"The column {name!r} does not hold {of_type} values. Convert it with astype first.", reason="mismatch"
        ) from None


def _is_wholesale(table: pa.Table) -> Any:
    found = _typed(table, "is_whole_sale_user", pa.bool_())
    if found is not None:
        return found
    kind = _typed(table, "customer_type", pa.string())
    return pa.nulls(table.num_rows, pa.bool_()) if kind is None else pc.equal(kind, "Wholesale")


def _one_group(table: pa.Table) -> Any:
    """Give the group of customers that are in one; which of several the import takes is not known."""
    if "groups" not in table.column_names:
        return None
    groups = table.column("groups").to_pylist()
    return pa.array([each[0] if isinstance(each, list) and len(each) == 1 else None for each in groups], pa.string())


def _lacking(filled: pa.Table, table: pa.Table) -> dict[str, pa.Array]:
    """Say which rows lack what; only what some row lacks."""
    wholesale = filled.column("IsWholeSale").combine_chunks()
    retail = pc.fill_null(pc.invert(wholesale), False)
    blank = {name: _blank(filled.column(name).combine_chunks()) for name in _TEXTS}
    found = {
        "FirstName (of retail customers)": pc.and_(retail, blank["FirstName"]),
        "LastName (of retail customers)": pc.and_(retail, blank["LastName"]),
        "BusinessName (of wholesale customers)": pc.and_(pc.fill_null(wholesale, False), blank["BusinessName"]),
        "IsWholeSale": wholesale.is_null(),
        "Email": blank["Email"],
        "an Email of their own": _shared(filled.column("Email").combine_chunks()),
    }
    if "groups" in table.column_names:
        found["a single group"] = pa.array(
            [isinstance(each, list) and len(each) > 1 for each in table.column("groups").to_pylist()], pa.bool_()
        )
    return {name: mask for name, mask in found.items() if pc.any(mask).as_py()}


def _blank(texts: pa.Array) -> pa.Array:
    return pc.fill_null(pc.equal(pc.utf8_trim_whitespace(texts), ""), True)


def _shared(emails: pa.Array) -> pa.Array:
    folded = [None if each is None else each.strip().casefold() or None for each in emails.to_pylist()]
    there = np.array([each is not None for each in folded], dtype=bool)
    return pa.array(pd.Series(folded, dtype=object).duplicated(keep=False).to_numpy() & there)


def _told(lacking: Mapping[str, pa.Array], table: pa.Table) -> str:
    ids = table.column("user_id").to_pylist() if "user_id" in table.column_names else None
    parts = []
    for what, mask in lacking.items():
        places = pc.indices_nonzero(mask).to_pylist()
        some = ", ".join(str(place if ids is None else ids[place]) for place in places[:_SHOWN])
        more = f" and {len(places) - _SHOWN:,} more" if len(places) > _SHOWN else ""
        parts.append(f"{what}: {'row' if ids is None else 'user_id'} {some}{more}")
    return "; ".join(parts)
