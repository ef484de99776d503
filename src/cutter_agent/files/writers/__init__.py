"""Documents out: the units of a marked text as Akoma Ntoso, JSON lines or Markdown with anchors."""
