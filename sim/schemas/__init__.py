"""JSON Schemas for editors: what may stand in the files that people write, with help for each key."""
