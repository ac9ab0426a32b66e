"""Replay: what a run is measured by, and (with the archive) what plays a day again."""
