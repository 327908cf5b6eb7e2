"""What all importers share: files in, runs out, in one shape.

::

    imported       what a source told of one run, and what an importer is
    source         a file to be read: its text, its tree, its head
    asking         numbers and texts out of a tree, refused with file and line where they are not
    figures        durations with units, cumulative counts and buckets as distributions
    requests       tables with a line for each request, streamed
    texts          what is printed for people: whose it is, where each output begins, durations
    summaries      the summary that hey, oha and ghz print alike
    fortio_json    the shape of Fortio's JSON, which others write too
    tools          load generators that several importers name
    circumstances  what the user may add to a run
    settling       what every run must bear: what cannot be true is unknown, a document without a figure is refused
    kinds          which kind a file is
"""
