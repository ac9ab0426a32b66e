"""Kinds of trouble with Kafka, with what the log holds, and with the processes that work on it."""

from __future__ import annotations

RECOVER = "Start anew: recovery goes on from what the log holds."
RECOVERY_CHAPTER = "See the chapter on recovery in `docs/architecture.md`; nothing was started from it."
REPORT = "Keep the topics and report it: the same input gave other bytes. See whether another build or model ran."

BROKER = {
    "": ("Kafka cannot be used; the code that says so gives no closer reason.", "Read the line."),
    "not_running": (
        "No cluster is named, and the embedded broker does not run.",
        "`tapedeck broker up`, or name a cluster by `--bootstrap`, `TAPEDECK_BOOTSTRAP` or `tapedeck.toml`.",
    ),
    "away": ("No broker answers at that address.", "Start it, or name the right address."),
    "unreadable": (
        "Kafka refuses to give records or offsets.",
        "Read its reason in the line: rights, a disk that failed, a topic that was deleted.",
    ),
    "no_topic": ("There is no such topic or partition in the cluster.", "Check address and run; create it first."),
    "topic_refused": ("The cluster refuses to create a topic.", "Check the name, and what the cluster allows."),
    "unanswered": (
        "The cluster does not tell, or does not do, what it was asked about itself.",
        "Read its reason in the line: rights, or a topic or broker that is gone.",
    ),
    "no_version": (
        "A broker does not tell its version.",
        "Check the address: an encrypted listener, or no Kafka.",
    ),
    "already_running": ("The embedded broker runs, on another port than asked for.", "Stop it, or leave the port out."),
    "port_taken": ("Another program listens on the port.", "Give another, leave it out, or stop that program."),
    "no_free_port": ("No free port was found on the loopback interface.", "Stop what takes them, or give a port."),
    "folder_unusable": ("The broker's folder cannot be written.", "Mend rights or disk, or set `TAPEDECK_HOME`."),
    "busy": ("Another process has been starting, stopping or fetching for too long.", "Wait for it, or end it."),
    "start_ended": ("The embedded broker ended while it started.", "Read the log that the line names."),
    "start_silent": ("The embedded broker was started and does not answer.", "Stop it and start it again."),
    "unformatted": ("The embedded broker's storage cannot be formatted.", "Read the reason; check disk and rights."),
    "jars_unfetched": (
        "Kafka's jars cannot be fetched.",
        "Check network and proxy; or set the variables that the line names; or name a running Kafka.",
    ),
    "jars_unwritable": ("Kafka's jars cannot be stored.", "Make the folder writable, or set `TAPEDECK_JARS`."),
    "jars_foreign": (
        "The jars fetched are not the ones this version was proved with.",
        "Try again; if it stays so, the mirror serves other files.",
    ),
    "task_ended": ("A task lost Kafka and cannot go on.", "Bring Kafka back, then start the run anew."),
}

DELIVERY = {
    "": ("A record was not acknowledged; the code that says so gives no closer reason.", RECOVER),
    "away": ("The broker was away for longer than a record may wait.", "Bring it back. " + RECOVER),
    "unacknowledged": ("Kafka did not acknowledge a record or a commit: its fate is unknown.", RECOVER),
    "closed": ("A writer or publisher was used after it was closed.", "Open a new one."),
    "no_topic": ("There is no such topic or partition.", "Create it first."),
    "no_transaction": ("A record or commit without an open transaction.", "Begin one first."),
    "transaction_open": ("A transaction was begun while one is open.", "Commit it first."),
    "unsaid": (
        "What a person said could not be written, or it is not known whether it was; the line says which.",
        "`tapedeck risk show` tells what stands. Say it again if need be: a second time does no harm.",
    ),
}

FENCED = {
    "": ("Another process took the task over; the code that says so gives no closer reason.", "End this process."),
    "taken_over": (
        "Another process took this task's transactional id over. Nothing that this one writes is seen any more.",
        "Nothing: it ends, and its successor goes on. If it happens again and again, two supervisors run one task.",
    ),
    "publisher": (
        "A publisher that was opened later writes under the same source name: this one sends nothing more.",
        "Nothing, if it was replaced. Else give one of the two another source name.",
    ),
}

STATE_DIVERGED = {
    "": ("Determinism is broken; the code that says so gives no closer reason.", REPORT),
    "hole": (
        "A number is missing among what a task has written: records are lost.",
        "Restore the topic from the archive. No task goes on over a hole.",
    ),
    "other_row": ("Recovery regenerated another row than the log holds.", REPORT),
    "other_document": ("Recovery regenerated another document than the log holds.", REPORT),
    "too_little": ("Recovery came to the end of the input before all was regenerated that the log holds.", REPORT),
    "unknown_answers": (
        "More answers wait than any recovery can be behind: they are to orders that this task never sent.",
        "Look for who else writes decisions or executions of this run.",
    ),
}

SNAPSHOT = {
    "": ("A snapshot cannot be used; the code that says so gives no closer reason.", RECOVERY_CHAPTER),
    "torn": ("A snapshot's checksum does not hold, or its index cannot be read.", RECOVERY_CHAPTER),
    "not_carried": (
        "A release cannot use what a task holds, and it must not be begun afresh: positions, or what is unanswered.",
        "Cut back to the release before, or write a migration: `docs/releases.md`.",
    ),
    "other_code": (
        "A task left records uncommitted that only the code of the run before can regenerate.",
        "Bring that release back, let it end, and cut again.",
    ),
    "other_build": (
        "A snapshot was taken within this run by other code.",
        "Go on with the build that took it, or cut over: `tapedeck release cut`.",
    ),
    "foreign": ("A snapshot is of another agent, version or view.", RECOVERY_CHAPTER),
    "other_instruments": (
        "A snapshot of books is of other instruments than are defined.",
        "Use the definitions that it was taken with.",
    ),
    "instrument_gone": (
        "Risk holds a position or an open order in an instrument that is no longer defined.",
        "Define it again.",
    ),
    "position_gone": (
        "The place to go on from is no longer in the topic: retention or a new topic took it.",
        "Restore the range from the archive. Nothing is ever reset to latest.",
    ),
    "side_gone": (
        "A side record that an output was made from is gone.",
        "Restore its topic from the archive; the task cannot recover without it.",
    ),
    "numbers_gone": (
        "A source's last number cannot be read back, because its records are gone.",
        "Restore the end of the topic, or publish under another source name.",
    ),
    "no_start": (
        "No state of that time is there for a replay to begin with, and the log does not reach back to its beginning.",
        "Replay a later day, or one whose state was archived.",
    ),
    "no_run": ("No run was opened in this namespace.", "Open one, or name the right namespace."),
}

TASK_FAILED = {
    "": ("A task could not be kept alive; the code that says so gives no closer reason.", "Read the line."),
    "not_ready": ("Tasks were not ready in time.", "The machine may be overloaded; try again."),
    "task_ended": (
        "A task died too often, or of something that another life would not mend.",
        "Read why in the line; the traceback of a fault is in `$TAPEDECK_HOME/crashes`.",
    ),
    "twin": (
        "Another process runs the same task: each takes it over from the other.",
        "End one of the two; `tapedeck top` shows who commits.",
    ),
    "too_much_bad": (
        "So much of a task's input is refused that it halts, rather than empty its feed into `dlq`.",
        "`tapedeck dlq list` shows what and why. Mend the cause, or allow more in the topology; start again.",
    ),
    "stuck": ("In a run in memory every task waits for another.", "A fault of an agent: report it with the seed."),
}
