"""Policy text to checked tree."""
