"""Shell text to what it would do: two readers, and a walk through what they read."""
