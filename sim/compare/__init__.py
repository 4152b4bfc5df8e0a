"""Comparing the arms of an experiment: shares, means, differences and games, from the results of a sweep alone."""
