"""Finding, downloading and unpacking corpus archives."""
