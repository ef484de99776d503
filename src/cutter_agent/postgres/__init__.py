"""ADAPTER: PostgreSQL."""
