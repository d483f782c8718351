"""Small languages that stand inside command lines, read as far as to tell whether they touch anything."""
