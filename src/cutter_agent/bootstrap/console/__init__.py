"""What the console shows, read at the desk: one module a screen, frozen values, paged."""
