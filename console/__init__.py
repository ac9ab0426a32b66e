"""The command line: presentation alone. ``main.py`` begins and ends it, ``app.py`` draws the commands together."""
