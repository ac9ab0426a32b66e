"""Kinds of flags, files and variables that are wrong, and ends of a command that are no error of the tree."""

from __future__ import annotations

CONFIG = {
    "": ("A flag, file or variable is wrong; the code that refused it gives no closer reason.", "Read the line."),
    "bad_address": ("A Kafka address is not `host:port`, comma-separated.", "Write e.g. `localhost:9092`."),
    "file_unreadable": ("A file named cannot be opened.", "Check the path and who may read it."),
    "file_too_large": ("A file named is larger than any of its sort may be.", "Name the right file."),
    "not_toml": ("A file is not TOML.", "Mend the line that the message names."),
    "unknown_key": ("A key that means nothing: misspelt, it would have been ignored.", "Use one of the keys allowed."),
    "not_a_table": ("A key of the limits must be a table.", "Write it as `[key]`; see `agents/limits.toml`."),
    "bad_limit": ("A limit is not a number within its bounds.", "Write one as in `agents/limits.toml`."),
    "model_not_json": ("A model file is no JSON object, names a key twice, or holds NaN.", "Export the model anew."),
    "model_keys": ("A model lacks a key, or has one too many.", "See `models/artefact.py` for the keys."),
    "model_kind": ("This build cannot score models of that kind or version.", "Upgrade, or train one it can score."),
    "model_name": ("A model's name is empty, too long, or no text.", "Name it in 1 to 128 characters."),
    "model_features": ("A model's features are not those of the view in use.", "Train it for this view."),
    "model_weights": ("A model has not one weight for each feature.", "Export the model anew."),
    "model_number": ("A weight, intercept or clip is no finite number within bounds.", "Export the model anew."),
    "model_hash": (
        "A model's content is not what its hash says: altered after it was signed, or torn on its way.",
        "Fetch it again from where it was signed.",
    ),
    "model_view": (
        "A model was trained for another feature view.",
        "Train it for this view, or use the view it names.",
    ),
    "no_capture": ("No capture file is named.", "Name at least one."),
    "capture_unreadable": ("A capture is missing, no regular file, or may not be read.", "Check path and rights."),
    "capture_empty": ("A capture has no byte.", "Name another; see how it was recorded."),
    "not_a_capture": (
        "A file holds no message of a known venue that names its symbol.",
        "Record lines of `<receive time, ns> <JSON as received>`.",
    ),
    "no_map": (
        "Columns of a file have no meaning without a map.",
        "Write one, as `docs/files.md` shows, and `--map` it.",
    ),
    "map_field": (
        "A map tells a field that there is not, leaves one out, or tells it twice.",
        "Tell each field once, as a column or as a value; `docs/files.md` lists them.",
    ),
    "map_column": ("A file has no column of the name or number that its map says.", "Name one of those allowed."),
    "map_instrument": ("A map means an instrument that has no definition.", "Define it under `[[definition]]`."),
    "map_time": ("A map's `time` is no unit or format.", "Write one of those allowed."),
    "map_timezone": ("A map names no time zone, or none that there is.", "Name one as IANA does, e.g. `UTC`."),
    "map_date": (
        "Times of day have no date: neither the map nor the file's name tells it.",
        "Write `date` into the map: a day, or where the name has it.",
    ),
    "out_of_session": (
        "More than one row in a hundred of a purchased file lies where its market was closed: its times are shifted.",
        "Mend the map's `timezone`, `date` or the definition's `calendar`; the line says which shift would fit.",
    ),
    "history_unreadable": ("A purchased file is missing, or is not of the format named.", "Check path and format."),
    "history_empty": ("A purchased file has no row.", "Name another."),
    "dbn_schema": ("A DBN file is of records that no tick can be made of.", "Buy it as `mbp-1`, `tbbo` or `trades`."),
    "no_databento": ("DBN needs databento-dbn, which is not installed.", "`pip install 'tapedeck[dbn]'`."),
    "no_feed": ("There is no adapter for that feed.", "Name one of those allowed."),
    "bad_speed": ("A speed is neither `max` nor a number above 0.", "Write `1`, another number above 0, or `max`."),
    "bad_kill": ("A kill is not `TASK@N`.", "Write e.g. `risk@500`."),
    "no_task": ("The deployment has no such task or hop.", "Name one of those allowed."),
    "no_fault": (
        "There is no such kind of fault, or it does not fit the run: its length, its brokers, captures.",
        "Name one of those that `tapedeck chaos --help` lists, and give what the line says.",
    ),
    "no_plant": ("There is no such bug to build in.", "Name one of those allowed."),
    "out_of_range": ("A number lies outside of what a flag allows.", "Give one within."),
    "flags_conflict": ("Two flags contradict each other.", "Leave one of them out."),
    "bad_port": ("A port is not within 1 and 65535.", "Give another, or leave it out: a free one is chosen."),
    "metrics_port": (
        "The port for a process's metrics is taken, or may not be listened on. The desk goes on without.",
        "Give another with `--metrics-port`, or 0 for a free one.",
    ),
    "folder_name": (
        "A folder's path holds a character at which Kafka or Java would split it.",
        "Set `TAPEDECK_HOME` or `TAPEDECK_JARS` to another folder.",
    ),
    "bad_name": ("A project's name is not made of letters, digits, `-` and `_`.", "Give another."),
    "folder_in_use": ("A project's folder is there and not empty.", "Give another name: nothing is overwritten."),
    "bad_key": (
        "A key of a topology, view, model or instruments file is unknown, missing or out of bounds.",
        "Mend the key named.",
    ),
    "feed_conflict": ("A topology's feed contradicts itself.", "Give what its `kind` needs, and nothing else."),
    "bad_definition": (
        "A definition of an instrument contradicts itself or another.",
        "Mend the key that the message names.",
    ),
    "fixed_definition": (
        "A revision of a definition changes what sizes, positions or money on the tape are counted in.",
        "Define it as another instrument: under a name of its own.",
    ),
    "does_not_divide": (
        "An increment of a definition does not divide a price or size at which its instrument was seen.",
        "Give the venue's own increment.",
    ),
    "no_definition": ("No instrument of that name is defined, or was by then.", "`tapedeck instruments list`."),
    "no_instrument": (
        "A name is no instrument of the run.",
        "Name one of those allowed, or define it: `tapedeck instruments add`.",
    ),
    "no_parameter": ("A strategy has no such parameter.", "Name one of those allowed."),
    "bad_size": ("A size is no decimal number from 0 on.", 'Write e.g. `"0.25"`.'),
    "no_column": ("A weight is of no column of the feature view.", "Name a column, or add it to the view."),
    "bad_view": ("A feature view names no such family, or breaks its rules.", "Mend the column named."),
    "plugin_missing": ("A strategy or feature family is not where it was said to be.", "Correct path, name or group."),
    "plugin_import": ("A desk's own file raised when it was imported.", "Mend the line that the message names."),
    "plugin_type": ("What was named is no strategy, or no feature family.", "Name a `Target` or a `CustomFamily`."),
    "plugin_compile": ("A strategy's or family's kernel cannot be compiled.", "Keep to what numba compiles."),
    "plugin_rules": ("A strategy breaks a rule of its declaration.", "See `agents/target.py`."),
    "code_changed": (
        "A desk's own file is not the one that the run was opened with.",
        "End the run and `tapedeck up` again, or bring the former file back.",
    ),
    "live_already": ("A live topology is running on these topics.", "End it first; `tapedeck top` shows it."),
    "repartition": (
        "A live topic has another number of partitions than the topology asks for: keys would move.",
        "Set `tasks.partitions` back; or begin anew on another cluster, or in another `TAPEDECK_HOME`.",
    ),
    "bad_partitions": ("`--partitions` names none, or some that are not there.", "Write e.g. `0-3` or `0,2`."),
    "live_taken": (
        "The live topics belong to another source or deployment, which no opening can change.",
        "Use another cluster, or another `TAPEDECK_HOME`.",
    ),
    "venue_conflict": (
        "An execution system has the name of a source, or the paper venue is asked for what only another can do.",
        "Change `[venue]` in the topology file, or the flag.",
    ),
    "unsettled": (
        "Another live run may only follow one whose tasks committed all that they wrote.",
        "Bring the former topology and files back, `tapedeck up`, end it with ctrl-C; then change them.",
    ),
    "other_build": (
        "Tapedeck's own code is not what the run was opened with: builds never mix on one run.",
        "Start the build that is at work, or cut over to this one: `tapedeck release cut`.",
    ),
    "other_release": (
        "Another release is at work on the live topics, or has succeeded the run that this process belongs to.",
        "`tapedeck release show` names it; cut over with `tapedeck release cut`, or end it first.",
    ),
    "same_release": (
        "The release to cut over to is at work already.",
        "Change code, model, view or parameters first.",
    ),
    "cut_pending": (
        "A cut to a release is under way, and it is not the one asked for, or tasks have yet to leave.",
        "Let it end (`tapedeck release show`). Where tasks died, bring the topology before it up: they leave then.",
    ),
    "release_elsewhere": (
        "A release has taken over that this process cannot run: it is of another build, or its files are not here.",
        "Start it with its own build and files: `tapedeck up TOPOLOGY.toml`.",
    ),
    "folder_unwritable": ("A run's folder cannot be made.", "Set `TAPEDECK_HOME` to a folder that can be written."),
    "no_run": ("There is no such run.", "`tapedeck topics list --all` shows all."),
    "no_record": ("There is no record or row at that place of a topic.", "Name one that is allowed."),
    "bad_place": ("A place in a topic is not `OFFSET` or `OFFSET:ROW`.", "Write e.g. `4711:3`."),
    "no_provenance": (
        "Records of that topic are said by people or the clock: no payload led to them.",
        "Name a topic that is allowed.",
    ),
    "no_order": ("No run has an order or intent of that id.", "Name one that is allowed, or the run with `--run`."),
    "runs_differ": ("Two runs cannot be compared row for row.", "Compare runs of one number of partitions."),
    "bad_budget": ("A latency budget names no interval, or no duration.", "See `docs/replay-reports.md`."),
    "no_topic": ("There is no such topic.", "`tapedeck topics list` shows all."),
    "no_market": ("A venue has no such market.", "Use one of those allowed."),
    "no_symbol": ("A venue does not list a symbol, or its list cannot be had.", "Write it as the venue does."),
    "feed_address": (
        "An address of a live feed is none.",
        "Name scheme and host, e.g. `wss://stream.binance.com:9443`.",
    ),
    "bad_symbols": ("A live feed is asked for no symbol, or too many.", "Name 1 to 100, comma-separated."),
    "no_library": ("An optional library is not installed.", "Install the extra that the message names."),
    "record_unwritable": ("A recording cannot be written where it was said.", "Check the path and who may write it."),
    "other_venue": ("A capture holds messages of another venue than was said.", "Name the venue that they are of."),
    "several_venues": (
        "Captures of several venues cannot make one run: a run has one source.",
        "Play them one by one.",
    ),
    "ambiguous_topic": ("Several topics have that name.", "Name the source as well, e.g. `ticks.binance`."),
    "simulation": ("The simulator is asked for what it cannot do.", "Stay within what the message allows."),
    "no_schema": ("There is no JSON of that name.", "`tapedeck topics schema` without a name lists them."),
    "no_example": ("There is no example of that.", "Name one of those allowed."),
    "no_source": ("Nothing was ever published under that source name.", "See `tapedeck topics list`; publish first."),
    "no_payload": (
        "There is no payload at that place of a source's topic.",
        "Give partition and offset as the producer's delivery report tells them.",
    ),
    "source_name": ("A source's name cannot be part of a topic's.", "Use ASCII letters, digits, `-` and `_`."),
    "several_partitions": ("One number was asked for, and each partition has its own.", "Use `next_seqs`."),
    "no_limit": ("There is no limit of that name.", "`tapedeck risk limits show` lists those there are."),
    "bad_change": (
        "A change of a limit is not `KEY=VALUE`, or names one twice.",
        "Write e.g. `default.notional_max=5`.",
    ),
    "no_change": ("All the limits named have these values already.", "`tapedeck risk limits show` lists them."),
    "no_live_run": ("No live run was ever opened, so there is nothing to change.", "Open one: `tapedeck up`."),
    "bad_scope": (
        "A scope without its name, or `all` with one.",
        "Write e.g. `--scope account NAME`, or `--scope all`.",
    ),
    "no_such_name": ("Nobody trades under the name to be halted.", "Use one that is allowed; `--force` takes any."),
    "no_gateway": (
        "An order of the paper venue is to be resolved: it answers its own.",
        "See that the task `venue` runs: `tapedeck doctor`.",
    ),
    "not_open": ("No such order is open.", "`tapedeck risk orders` lists those that are."),
    "bad_resolution": (
        "The quantity or price of a resolution is no decimal above 0, or does not go with its status.",
        "Give a fill its price; give no other status a quantity or a price.",
    ),
    "not_halted": ("Nothing is halted in the scope to be resumed.", "`tapedeck risk show` lists the halts in force."),
    "bad_text": ("A reason or an author is empty, too long or cannot be printed.", "Write 1 to 512 characters."),
    "no_letter": ("There is no dead letter of that number or kind.", "`tapedeck dlq list` shows those there are."),
    "not_retriable": (
        "A dead letter cannot be put back: it is no raw payload as its publisher sent it, or not of the live run.",
        "Mend what its reason names; the line says how the input comes again.",
    ),
    "retried_already": ("A dead letter has been put back before.", "If it is meant once more, say `--again`."),
    "bad_moment": (
        "A moment is neither a span before now nor a time.",
        "Write e.g. `30m`, `2h` or `2026-11-24T09:30`.",
    ),
    "run_ended": ("A payload was published after the run's end record.", "Open another run."),
}

USAGE = {
    "": (
        "The command line cannot be understood: no such command or option, or a value of the wrong type.",
        "Read the line, and the command's `--help`.",
    ),
}

FAULT = {
    "capture_cut": (
        "A capture cannot be read to its end: a gzip cut short or damaged. What was before is used.",
        "Fetch it again, or use it as it is.",
    ),
}

UNSOUND = {
    "": (
        "The run was played, and records are lost or doubled in its topics.",
        "Look for what else writes there; keep the topics and report it.",
    ),
}

CRASH = {
    "": (
        "A fault of Tapedeck itself. The traceback is in `$TAPEDECK_HOME/crashes`; logs name its type only.",
        "Report it, with that file; look first whether a payload is quoted in it.",
    ),
}

INTERRUPTED = {"": ("Ctrl-C or SIGTERM.", "Nothing: what was committed is in the run's topics.")}
