"""The peers' own programs. Each runs in its peer's environment: torch and the peer are there, penstock is not."""
