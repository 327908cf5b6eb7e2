"""Interchange: what others measured, and how others read what was measured here.

Stands on the reading half (store, analysis) and is known to nothing below it.

::

    documents    JSON and YAML with the line of every value; what files may not be
    smp          the Service Mesh Performance specification: documents, bundles, validation, schema
    importers    output of load generators and benchmark suites, one module for each tool
    importing    what all importers share; which kind a file is
    receiving    files, bundles and profiles into the store: what ``workbench import`` does
    landing      what was read becomes run folders, all of it or nothing
    publications, published    figures that others published, as data with source and confidence; their files
    audit        rules that published material breaks, applied to any set of results
    beside, unlike    one's own numbers beside published ones, and why they may differ

Imported and published numbers keep their provenance everywhere and are never mixed with measured ones.
"""
