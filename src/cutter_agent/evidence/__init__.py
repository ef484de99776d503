"""PURE: what is known, and how it is sealed."""
