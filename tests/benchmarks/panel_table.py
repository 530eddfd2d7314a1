"""CPU of one table of the panel, 50 rows of 96 columns: ``python -m tests.benchmarks.panel_table``; wanted: 0.1 s at most."""

import time

import pandas as pd
import pyarrow as pa

from sc_pandas.panel.preview import table_html


def main() -> None:
    """Print the best of five for each length of cells and each kind of letter."""
    for letter in ("A", "é", "漢", "<"):
        for length in (8, 60, 400):
            cells = pd.arrays.ArrowExtensionArray(pa.array([letter * length] * 50))
            rows = pd.DataFrame({f"custom.Field {n}": cells for n in range(96)})
            took = []
            for _ in range(5):
                began = time.process_time()
                table_html(rows, masked=True)
                took.append(time.process_time() - began)
            print(f"{length:4} × {letter}: {1e3 * min(took):4.0f} ms")


if __name__ == "__main__":
    main()
