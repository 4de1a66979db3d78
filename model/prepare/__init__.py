"""`stillwave train prepare`: any folder of videos becomes windows of five seconds with their spectral volumes."""
