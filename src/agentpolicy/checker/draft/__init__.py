"""A first policy for a set of tools, drafted from what the tools say of themselves."""
