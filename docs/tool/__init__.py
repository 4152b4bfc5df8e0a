"""Makes the documentation: runs what its pages say, generates the reference, builds the site.

``python -m docs.tool write`` puts into the pages what their commands print now; ``check`` says where a page differs
from that; ``build`` makes the site in ``site/``.
"""
