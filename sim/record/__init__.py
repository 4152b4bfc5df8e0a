"""The run log: typed records, a hash chain over their deterministic part, a file that only grows."""
