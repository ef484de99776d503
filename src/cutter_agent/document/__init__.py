"""PURE: source text to units; knows no run, no phase, no database."""
