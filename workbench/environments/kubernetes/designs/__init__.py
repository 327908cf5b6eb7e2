"""Designs of the playground on a cluster: tried, compared, applied, watched and reverted.

::

    changes      what is said to whoever asks; light, names no Kubernetes client
    configuring  `open_configuration` and `Configuration`, the way in
    trying       server-side dry runs, a verdict for each object
    refusals     the server's refusals as sentences
    differing    differences as YAML
    memory       what was there before, remembered on the cluster
    ownership    who holds which field
    restoring    undoing one object
    effects      watching a design take effect
    permitting   the rights that a design takes
"""
