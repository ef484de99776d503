"""The pauses of the line, where a human signs."""
