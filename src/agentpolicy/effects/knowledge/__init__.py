"""What programs do, as data: one TOML file a family, and the compact form of all of them that is read at run time."""
