"""Who answers: the protocol of a model, the scripted one, and the one that plays back a log."""
