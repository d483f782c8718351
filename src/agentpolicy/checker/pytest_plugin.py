"""Collects policy tests for pytest."""
