"""A run as one HTML file that needs nothing else: made by :func:`sim.read.page.page.to_html`."""
