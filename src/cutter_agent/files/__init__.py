"""ADAPTER: documents, sidecars and reports in files."""
