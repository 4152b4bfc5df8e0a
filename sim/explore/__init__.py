"""Looking for what runs of a world can come to, with the engine itself: no model, no log."""
