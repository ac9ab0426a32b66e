"""Kinds of what a replay is asked for and cannot give: words of ``ConfigError``; and of ``ArchiveError``."""

from __future__ import annotations

REPLAY = {
    "export_topic": (
        "A topic carries several kinds of documents, or bytes of the tasks' own: there are no columns for it.",
        "Export one that the line names.",
    ),
    "export_format": ("A file's ending is no format that can be written.", "Write one of those allowed."),
    "export_dbn": (
        "DBN cannot carry what is to be exported: another topic than ticks, or a size beyond 32 bits.",
        "Export to Parquet or CSV.",
    ),
    "export_redefined": (
        "An instrument's `size_increment` changed within what is to be exported: its sizes have two units.",
        "Export what lies before the change and what lies behind it by themselves: `--from-time`, `--to-time`.",
    ),
    "export_broken": (
        "A record on the way to a file cannot be read; nothing was written.",
        "Leave its time out by `--from-time` and `--to-time`; see `tapedeck dlq list` for what a task said of it.",
    ),
    "export_unwritable": ("An export cannot be written.", "Make room, or name another place."),
    "nothing_recorded": (
        "Nothing was recorded in the time that a replay or an export was asked for.",
        "Name a day, or a time, with records.",
    ),
    "unknown_tape": ("There is no such day, pin or run to replay.", "Name one of those that the line gives."),
    "bad_time": ("A time is not in ISO form.", "Write e.g. `2026-11-23T14:30:00`; without a zone it is UTC."),
    "replay_removed": (
        "Retention removed payloads between the state that a replay would begin with and the stretch.",
        "Restore them from the archive, or replay a later day.",
    ),
    "clock_leaps": (
        "A clock was ahead, and was set back by more than an hour: where its payloads belong is not known.",
        "Replay what lies before the leap and behind it by themselves, with `--from-time` and `--to-time`.",
    ),
    "replay_spans": (
        "A release lies within the stretch, so that it was made by several runs.",
        "Replay from a moment behind it: `--from-time`.",
    ),
    "replay_build": (
        "A replay asks whether it was so of what another build recorded.",
        "Replay with the code that made it, or hold this build against the recording: `--any-build`.",
    ),
    "unknown_schema": (
        "A record is of a schema or version that this build does not know.", "Use the build that wrote it, or a later."
    ),
    "replay_deployment": (
        "The recorded states cannot begin tasks of that deployment.",
        "Replay in the recorded deployment, or from the recording's first record.",
    ),
    "replay_candidate": (
        "What a replay is to try does not fit what was recorded.",
        "Give a topology of the recorded source and partitions that names view, model and strategy together.",
    ),
    "bad_stress": (
        "There is no such fault to inject into a replay, or it has no moment.",
        "Write e.g. `--inject duplicate --at 5 --inject stall --at 9`: seconds after the first record.",
    ),
    "shadow_taken": (
        "A shadow of that name has another model, or is at work already.",
        "Give the new one another name, or end the one at work.",
    ),
    "shadow_name": ("A shadow's name is not made of letters, digits, `-` and `_`.", "Give another."),
    "outside_namespace": (
        "A replay or a shadow tried to write outside of its own namespace. Nothing was written.",
        "A fault of Tapedeck: report it.",
    ),
    "no_archive": (
        "Nothing has been archived there.", "Name the folder with `--archive` or `TAPEDECK_ARCHIVE`, or write one."
    ),
    "no_pyarrow": (
        "The archive, and Parquet files, need pyarrow, which is not installed.", "`pip install 'tapedeck[archive]'`."
    ),
}  # fmt: skip

ARCHIVE = {
    "corrupt": (
        "A file of the archive is not what was written, is missing, or does not belong there. None of it was used.",
        "Bring it back from a copy; `tapedeck archive verify` names every one.",
    ),
    "hole": (
        "Offsets are neither in the archive nor in Kafka: retention removed them before they were archived.",
        "Begin behind them. To go on archiving, name another folder: `--archive`.",
    ),
    "other_log": (
        "The log is not the one that was archived: the topic was made anew, or it is another cluster's.",
        "Archive it into another folder, `--archive`, or read with another: `TAPEDECK_ARCHIVE`.",
    ),
    "clock_leaps": (
        "A clock leaped over the end of the day that was to be archived, and was set back. All else was archived.",
        "Archive all that is committed, without `--day`: days part by themselves where they are read.",
    ),
    "disk_full": (
        "The archive's disk is full. Every segment that was committed is whole.",
        "Make room and write again: it goes on where the chain ends.",
    ),
    "unwritable": ("A file of the archive cannot be written or read.", "See to the folder's rights and its disk."),
    "busy": ("Another process archives these topics into the same folder.", "Let it, or end it first."),
}  # fmt: skip
