"""Output of load generators and benchmark suites: one module for each tool, with an ``ADAPTER``.

An importer says which kinds of file it reads, how each is known, in which order it is tried, and what the runs in it
are (`workbench.interchange.importing.imported.Importer`). Modules that begin with an underscore are none. Other
distributions add theirs under the entry point group ``workbench.importers``.
"""
