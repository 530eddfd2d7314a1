"""Customers as persons: the part of `df.sellercloud` that finds whom a frame has twice, and to whom mail may go."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from sc_pandas.edge import public_class
from sc_pandas.frames.duplicates import LEFT_OUT, Keep, find_duplicates, without_duplicates
from sc_pandas.frames.exports import Exports
from sc_pandas.frames.mailing import mailing_list


@public_class
class Persons(Exports):
    """A frame of customers, some of whom may be one person."""

    def duplicates(self, by: str | Iterable[str] = "email", *, region: str = "US", crowd: int = 10) -> pd.DataFrame:
        """Find customers who may be one person, and propose a survivor.

        Parameters
        ----------
        by
            One or several of

            - ``"email"``: equal but for case; dots and plus signs count; without an "@" between other characters it is
              no address;
            - ``"phone"``: phone1, phone2, phone3 or mobile of one equals any of them of the other, as whole
              international numbers: however they are written, letters for digits included (1-800-555-CAKE), without
              the extension.  A number without its area code, or of one digit only, equals nothing.  It takes
              ``include=["phones"]``, ``pip install "sc_pandas[contacts]"``, and a minute for a million numbers;
            - ``"name"``: first, last and corporate name are equal but for case, blanks and Unicode's compatibility
              forms (NFKC), and there is a last or a corporate name.

            Missing and empty values equal nothing; invisible characters, and blanks at the ends, do not count.
        region
            Two letters of the country (ISO 3166) whose phone numbers are written without ``+`` and its code.
        crowd
            A value that more customers than this share joins nobody: it is a placeholder or an office's.

        Returns
        -------
        pandas.DataFrame
            One row for each customer in a group, sorted by group and user_id, RangeIndex: group (int64, from 1),
            user_id (int64), reason (string; what the customer shares with another, as in "email, name"), survivor
            (bool) and survivor_id (int64).  Customers who are connected through others are in one group.  The survivor
            has the most values in the frame, not counting blank text; among equals the lowest user_id.
            ``attrs["crowds"]`` says of each of `by` how many values crowds share, and how many customers they are.

        Raises
        ------
        AccessorError
            The columns are missing or hold no texts, or a user_id is missing or repeated.
        MissingExtraError
            Phones are compared, and phonenumbers is not installed.
        SettingsError
            `by` or `region` names something else, or `crowd` is less than 2.

        Warns
        -----
        SellerCloudWarning
            There are crowds.

        Examples
        --------
        >>> df.sellercloud.duplicates().head(2)
           group  user_id reason survivor  survivor_id
        0      1     1072  email     True         1072
        1      1     1076  email    False         1072
        """
        return find_duplicates(self._frame, by, region=region, crowd=crowd)

    def drop_duplicates(
        self, by: str | Iterable[str] = "email", *, keep: Keep = "first", region: str = "US", crowd: int = 10
    ) -> pd.DataFrame:
        """Return the frame with one row for each group of customers who may be one person.

        Parameters
        ----------
        by, region, crowd
            As `duplicates` takes them.
        keep
            Who stays of each group: the ``"first"`` or the ``"last"`` row, the ``"survivor"`` that `duplicates`
            proposes, or nobody (False).

        Returns
        -------
        pandas.DataFrame
            A new frame of the other rows, crowds included, with their index and ``attrs``; `left_out` counts who went.

        Raises
        ------
        AccessorError, MissingExtraError, SettingsError
            As `duplicates` does; or `keep` is something else.

        Examples
        --------
        >>> once = df.sellercloud.drop_duplicates(by="email", keep="survivor")
        >>> len(df) - len(once) == int(once.sellercloud.left_out["same email"])
        True
        """
        return without_duplicates(self._frame, by, keep, region=region, crowd=crowd)

    def mailing_list(self, *, not_in_groups: str | Iterable[str] = "Do not mail") -> pd.DataFrame:
        """Return whom a mailing may go to, each address once.

        Left out are, in this order: who is not subscribed (or not known to be); who has no address; a marketplace's
        relay, which forwards answers to an order only (Amazon, eBay, Walmart, TikTok); whose address belongs to anybody
        in one of the groups, also under another user_id; an address that email-validator does not take (no name server
        is asked; domains of tests, such as ``.test`` and ``.local``, are none); and repeated addresses, of which the
        survivor stays (see `duplicates`).

        Parameters
        ----------
        not_in_groups
            Names of customer groups that get no mail; case and blanks do not matter.  ``()`` for none, and then
            no groups are needed.

        Returns
        -------
        pandas.DataFrame
            A new frame of the other rows, with their index and the ``attrs``.  Blanks at the ends of ``email`` and
            invisible characters in it are gone.  `left_out` says how many rows went for which reason, each for the
            first that holds.

        Raises
        ------
        AccessorError
            There is no email, or no groups; or they hold values of another kind, or a user_id is missing or repeated.
        FilterError
            There is no subscribed: read with ``include=["subscribed", "groups"]``.
        MissingExtraError
            email-validator is not installed: ``pip install "sc_pandas[contacts]"``.

        Examples
        --------
        >>> customers = shop.customers(include=["subscribed", "groups"]).to_pandas()
        >>> mailing = customers.sellercloud.mailing_list()
        >>> mailing.sellercloud.left_out
        not subscribed       72
        no address            5
        marketplace relay    25
        in a group            1
        invalid address       0
        same email            0
        Name: rows, dtype: int64
        """
        return mailing_list(self._frame, not_in_groups)

    @property
    def left_out(self) -> "pd.Series[Any]":
        """How many rows `drop_duplicates` and `mailing_list` left out, as a Series by reason."""
        return pd.Series(self._frame.attrs.get(LEFT_OUT, {}), dtype="int64", name="rows")
