"""What is odd in a world that can be played: what can never happen, is never used, or is lacking for people."""
