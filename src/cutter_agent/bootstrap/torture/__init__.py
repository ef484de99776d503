"""Torture: every crash, race, fault and forgery that can be enumerated, each followed by the global audit."""
