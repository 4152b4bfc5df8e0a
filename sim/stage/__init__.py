"""The stage: episodes, the run around them, and the AutoGen group chat that drives them."""
