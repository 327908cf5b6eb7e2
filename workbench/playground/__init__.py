"""The playground without its widgets: one design as every mesh's own objects, as YAML, as a table of answers.

Pure but for `workbench.playground.live`, which plays on the lab's real proxies; nothing here meets a cluster. See
`workbench.intents` for what a design is.
"""

from workbench.playground.rendering import (
    SUPPORT_WORDS,
    answers_table,
    distinct,
    from_yaml,
    mesh_specs,
    render_all,
    to_yaml,
)

__all__ = ["SUPPORT_WORDS", "answers_table", "distinct", "from_yaml", "mesh_specs", "render_all", "to_yaml"]
