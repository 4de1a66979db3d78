"""Bundles installed with stillwave; `edge` is the default one."""
