def pick(:
