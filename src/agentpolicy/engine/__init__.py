"""The hot path: decisions, sessions, guards."""
