"""iu-cutter: laws, charters and policies as numbered information units that anyone can check."""
