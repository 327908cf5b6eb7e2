"""Widgets for notebooks: explore what was measured, launch what is to be measured.

A layer beside the notebooks and the report. Of each widget the logic is a plain class that knows no widget and is
tested without a browser; the view beside it only binds controls to it::

    exploring     which runs were chosen, what of them counts, the query; no widget
    linked        five charts in one picture, linked by brush and legends; a frame in, a picture out
    picture       a picture in the browser, as wide as there is room
    saving        what is shown as HTML, PNG, SVG, CSV, Parquet
    explorer      the view of these
    drafting      an experiment in the making: its file, its plan, its estimate; no widget
    launching     a measurement in a process of its own, found again and watched through its folder; no widget
    launcher      the view of these two
    wishes        controls for an intent's features, made from their own help and ranges
    playing       designs by name, and what every mesh makes of one; no widget
    player        the view of these two
    cluster_panel, live_panel, cost_panel
                  a design on a cluster, on the lab's real proxies, and its price
    background    what takes seconds, beside a kernel that goes on answering
    controls      check boxes in groups, words in HTML
"""
