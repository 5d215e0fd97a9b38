"""Pages whose commands are run: `python -m docs.executed` runs them and writes what they print into the pages."""
