"""One ASGI double of every vendor, driven by manifests and locks, that can be told to misbehave.

It serves the demo, the tests and game days. It is no proof on its own: it agrees with what the manifests and
locks say, and only a vendor's contract or a real server can show that they are right.
"""
