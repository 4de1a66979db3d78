"""The web app inside a server of your own: `uvicorn --app-dir examples web_app:app`, ended with Ctrl-C."""

import atexit

from stillwave.runtime.studio import Studio, WatchedAnimator
from stillwave.runtime.web_app import web_app

studio = Studio(WatchedAnimator(memory_budget="512MiB"))
atexit.register(studio.close)
app = web_app(studio)
