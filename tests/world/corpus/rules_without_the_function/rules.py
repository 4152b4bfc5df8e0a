def picks(view):
    return None
