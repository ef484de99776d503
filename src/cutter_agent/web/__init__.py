"""ENTRY POINT `cutter serve`: the console and the API of one deployment, over HTTP."""
