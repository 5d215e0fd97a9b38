"""Reading audio of any container and rate, and augmenting it."""
