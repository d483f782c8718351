"""Recorded runs put to a policy: what would have been stopped, asked about, allowed."""
