"""The command line, ``sc-pandas``: commands parse, call the library and print; everything else is in the library."""

from sc_pandas.cli.app import main

__all__ = ["main"]
