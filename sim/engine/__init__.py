"""The engine: a pure state machine, what a turn is made of, and the run that drives it."""
