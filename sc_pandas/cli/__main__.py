"""``python -m sc_pandas.cli``."""

from sc_pandas.cli import main

if __name__ == "__main__":
    main(prog_name="sc-pandas")
