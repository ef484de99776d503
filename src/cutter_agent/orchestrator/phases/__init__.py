"""The phases of the line: one module a phase, with evidence type, invariants and body."""
