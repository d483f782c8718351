"""Coverage-guided fuzzing; see ``python -m fuzz``."""
