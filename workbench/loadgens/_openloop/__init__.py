"""The built-in load generator itself: an open loop over HTTP/1.1, run as a program of its own.

`workbench.loadgens.builtin` describes how it is called and reads what it leaves. It imports the standard library
only and nothing slow of it, and no other part of the workbench, so that it is ready in about 25 ms: ``__main__``
starts it, `program` reads the arguments and writes the files, `schedule` says when requests are due, `loop` sends
them, `answers` reads what comes back, `timer` wakes the loop.
"""
