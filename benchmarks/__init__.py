"""What the engine costs, as ratios taken side by side: ``python -m benchmarks``."""
