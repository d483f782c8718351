"""Which characters look like which: a small table of those that can pass for part of a pattern."""

from __future__ import annotations

#: Cyrillic and Greek letters that most fonts draw like a Latin one.
LOOKALIKE_LETTERS = {
    **dict(zip("асеіјорѕухһԁԛԝѵӏ", "aceijopsyxhdqwvl", strict=True)),
    **dict(zip("АВЕЅІЈКМНОРСТХУԌԚԜѴӀ", "ABESIJKMHOPCTXYGQWVI", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
    **dict(zip("ονρικυχ", "ovpikux", strict=True)),
}

#: Marks that pass for one that means something in a path, address or pattern.
LOOKALIKE_MARKS = {
    **dict.fromkeys("\u2044\u2215\u29f8\u2571", "/"),
    **dict.fromkeys("\u2024", "."),
    **dict.fromkeys("\ua789\u2236\u02d0", ":"),
    **dict.fromkeys("\u2217\u204e\u066d", "*"),
    **dict.fromkeys("\u2010\u2011\u2012\u2212\u02d7\u2043", "-"),
    **dict.fromkeys("\u223c\u02dc", "~"),
    **dict.fromkeys("\u2216\u29f5\u29f9", "\\"),
    **dict.fromkeys("\u02cb", "`"),
    **dict.fromkeys("\u01c0\u2223", "|"),
    **dict.fromkeys("\u01c3", "!"),
}

#: Letters and marks that show nothing.
FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0")

#: Scripts that one word may mix, as East Asian text does; none of them looks like another.
MIXING_SCRIPTS = frozenset(
    ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC")
)
