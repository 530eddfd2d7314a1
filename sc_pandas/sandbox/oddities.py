"""A few customers nobody would invent: hostile-looking names, and one name in both of Unicode's spellings."""

from typing import Any, Final

# Smaller populations stay plain.
ODDITIES_FROM: Final = 100

ODDITIES: Final[dict[int, dict[str, Any]]] = {
    11: {"first_name": "Zo\u00eb", "last_name": "Composed"},  # NFC
    12: {"first_name": "Zoe\u0308", "last_name": "Decomposed"},  # NFD: looks the same, is not equal
    23: {"first_name": '=HYPERLINK("http://evil.test","x")', "last_name": "+cmd|' /C calc'!A0"},
    29: {"first_name": "<b>Bob</b>", "last_name": "<script>alert(1)</script>"},
    31: {"first_name": "Siobhán", "last_name": "O'Brien"},
    37: {"first_name": "Robert'); --", "last_name": "DROP TABLE customers"},
    41: {"first_name": "NULL", "last_name": "None"},
    43: {"first_name": "\u202eRTL", "last_name": 'tab\tnewline\nquote"'},
    47: {"first_name": "👩‍👩‍👧‍👦", "last_name": "🦊"},
    53: {"first_name": "-1+1", "last_name": "@SUM(A1:A9)", "corporate_name": "100% \\ Co; drop"},
}
