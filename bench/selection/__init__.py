"""One visit to the hospital, four ways to choose who speaks: AutoGen's `auto`, `round_robin`, a function, ours."""
