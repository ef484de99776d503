"""ENTRY POINT: the command line."""
