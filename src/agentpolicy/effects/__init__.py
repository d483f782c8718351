"""Tool call to canonical effects."""
