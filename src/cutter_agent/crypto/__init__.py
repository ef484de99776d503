"""ADAPTER: keys, signers, encryption of backups."""
