"""Beginning a world: templates, what a user may change of them, and the files that are written."""
