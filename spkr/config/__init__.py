"""The options of every section, each declared once: its type, default, range and meaning."""
