"""ADAPTER: the whole world in memory."""
