"""The live view: the signals of now, for whoever looks."""
