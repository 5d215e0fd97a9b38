"""The HTML report: one page that holds all that it shows."""
