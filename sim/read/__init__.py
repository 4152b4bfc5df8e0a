"""Everything behind the log: folding, replay, verification, the ledger, exports and pictures. Only reads."""
