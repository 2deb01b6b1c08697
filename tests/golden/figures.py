# SPDX-License-Identifier: MIT
"""The table of comparisons: each figure with its bound, and whether it stays below it.

Usage: figures.py TABLE   prints a table that the comparisons wrote, a JSON object a line; its exit
status says whether all is well.
"""

import json
import math
import pathlib
import sys

COLUMNS = ("what", "figure", "bound", "ok", "remarks")


class Figures:
    """Collects figures, printing each at once, and appends them to a file if there is one."""

    def __init__(self, table=None):
        self.table = pathlib.Path(table) if table else None
        self.rows = []

    def at_most(self, what, figure, bound, remarks=""):
        # NaN exceeds every bound.
        self._add(what, figure, f"<= {bound:.0e}" if bound else "0", figure <= bound, remarks)

    def at_least(self, what, figure, bound, remarks=""):
        """For a control: the comparison must find a deliberate difference."""
        self._add(what, figure, f">= {bound:.0e}", figure >= bound, remarks)

    def _add(self, what, figure, bound, ok, remarks):
        ok = bool(ok and math.isfinite(figure))
        figure = f"{figure:.2e}" if isinstance(figure, float) and figure else f"{figure:g}"
        row = (what, figure, bound, "yes" if ok else "NO", remarks.strip())
        self.rows.append(row)
        print("  " + "  ".join(row), flush=True)
        if self.table:
            with self.table.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def status(self):
        return exit_status(self.rows)


def exit_status(rows):
    return 0 if rows and all(row[3] == "yes" for row in rows) else 1


def print_table(rows):
    rows = [COLUMNS, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS) - 1)] + [0]
    for i, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if i == 0:
            print("  ".join("-" * max(width, 7) for width in widths))


if __name__ == "__main__":
    lines = pathlib.Path(sys.argv[1]).read_text().splitlines()
    rows = [tuple(json.loads(line)) for line in lines]
    print_table(rows)
    wrong = [row[0] for row in rows if row[3] != "yes"]
    print(f"{len(rows) - len(wrong)} of {len(rows)} figures keep their bounds")
    for what in wrong:
        print(f"FAILED: {what}")
    sys.exit(exit_status(rows))
