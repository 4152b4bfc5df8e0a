"""What can be proved of a world: that its rules hold in every run, whoever answers and whatever they say."""
