"""Output of load generators and benchmark suites, read into one shape; one file for each kind.

::

    imported     what a source told of one run, and what the tool does that must be said beside it
    source       a file to be read: its text, its tree, its head
    asking       numbers and texts out of a tree, refused with file and line where they are not
    figures      durations with units, cumulative counts and buckets as distributions
    texts        what is printed for people: whose it is, where each output begins, durations
    summaries    the summary that hey, oha and ghz print alike
    settling     what every run must bear: what cannot be true is unknown, a document without a figure is refused
    kinds        which kind a file is
    fortio  nighthawk  wrk  hey  oha  ghz  h2load  k6  istio  meshery  table

Adding a kind: a module with ``IMPORTER``, and its name in `kinds`.
"""
