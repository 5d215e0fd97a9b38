"""Speaker recognition: features, networks, back-ends and metrics; see the README."""
