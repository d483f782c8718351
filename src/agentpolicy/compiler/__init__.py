"""Checked tree to decide functions."""
