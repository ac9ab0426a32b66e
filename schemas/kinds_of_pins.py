"""Kinds of what is asked of days and pins and cannot be given: words of ``ConfigError`` and ``StateDiverged``."""

from __future__ import annotations

PINS = {
    "unknown_pin": ("There is no pin of that name, tag or id.", "Name one of those that the line gives."),
    "bad_pin_name": (
        "A pin's name or tag is not made of letters, digits, `.`, `-` and `_`, or reads like a day or an id.",
        "Give another.",
    ),
    "pin_taken": (
        "The name means another pin already, and names move by a recorded event only.",
        "Move it: `tapedeck pin tag PIN NAME --reason TEXT`; or give another name.",
    ),
    "pin_range": ("A range's end does not lie behind its beginning.", "Give `--from` and a later `--to`."),
    "pin_unfinished": (
        "The range has not ended, or less than a minute ago: what is still to come would be a part of it.",
        "Give an end that has passed, or wait.",
    ),
    "pin_topics": ("There is no such topic to pin.", "Name topics of the run, without its prefix."),
    "pin_removed": (
        "The log no longer holds the beginning of the range, or what leads up to it, and no archive of it is joined.",
        "Restore it from the archive, or pin a later beginning.",
    ),
    "pin_torn": ("A pin's manifest is not what was written.", "Restore the file, or create the pin again."),
    "pin_format": (
        "A pin's manifest is of a format that this build does not know.", "Create the pin again, or use a later build.",
    ),
    "pin_unwritable": ("A pin's manifest cannot be written.", "Make room or mend the rights of the folder."),
    "pin_whole": ("A closer beginning or end was given for a pin.", "Replay the pin whole, or pin a closer range."),
    "pin_offsets": (
        "A pin of payloads without numbers, whose offset is their number, is replayed where they lie at other offsets.",
        "Replay it where it was pinned, or from an archive of that log.",
    ),
    "calendar": ("There is no such calendar of sessions.", "Name one of those that the line gives."),
}  # fmt: skip

DIVERGED = {
    "pin_differs": (
        "The log does not hold what was pinned: a byte differs, or records are missing or added.",
        "Restore the place that the line names from the archive: nothing was played from it.",
    ),
}  # fmt: skip
