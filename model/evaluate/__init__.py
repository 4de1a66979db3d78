"""Measures of motion and of rendering against real clips. `stillwave evaluate motion|steps|render|video CLIPS`."""
