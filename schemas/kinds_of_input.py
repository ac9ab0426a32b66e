"""Kinds of input that cannot be used: by class, what each means and what to do. None of them ends a run."""

from __future__ import annotations

KEPT = "Nothing for the run: the record is whole in `dlq`, and the next one goes on."
ASK_WRITER = "Ask whoever writes there: the header's `writer` names them; take their right to write if they have none."
ASK_VENUE = (
    "Nothing, if they are few: the message is whole in `dlq`. Many of them: compare it with the venue's own pages."
)

BAD_INPUT = {
    "": ("A record that cannot be used, refused by code that gives no closer reason.", KEPT),
}

BAD_FRAME = {
    "": ("A record's bytes cannot be read; the code that refused it gives no closer reason.", KEPT),
    "no_header": (
        "A record without the header `td` on a topic that only tasks write.",
        "Publish to `raw.<source>` instead: that is the door for records from outside.",
    ),
    "header_truncated": ("The header `td` is shorter than its fixed part.", ASK_WRITER),
    "header_unknown": (
        "The header `td` begins with another magic or version than this build's.",
        "Read the log with the build that wrote it, or find out who else writes there.",
    ),
    "header_torn": ("The parts of a header do not add up to its length, or it counts no rows.", ASK_WRITER),
    "header_writer": ("The writer's name in a header is not ASCII.", ASK_WRITER),
    "schema_unknown": (
        "The header names a schema or version that this build does not know.",
        "Upgrade: a newer build may have written it. Otherwise ask the writer.",
    ),
    "schema_future": (
        "A payload by a publisher of a newer build, whose header has a later version than this build reads.",
        "Upgrade, then `tapedeck dlq retry --kind bad_frame.schema_future`.",
    ),
    "schema_misplaced": (
        "A record of a known schema that does not belong on this topic.",
        "See `schemas/topics.py` for what belongs where, and ask the writer.",
    ),
    "count_not_one": ("The header counts several rows, but its schema holds one document or payload.", ASK_WRITER),
    "absurd_seq": ("The header's `seq` is higher than any writer can have come.", ASK_WRITER),
    "seq_jump": (
        "A publisher's `seq` lies far beyond its last: one forged number must not make all that follow look repeated.",
        "Publish through `Publisher`, which numbers without a gap, or without a header.",
    ),
    "unknown_hops": ("The header names hops that this build does not have.", ASK_WRITER),
    "stranger": (
        "A record by another writer than the topic's own; it moves nothing.",
        "Give only the topic's own writer the right to write there.",
    ),
    "too_many_writers": (
        "More writers on one partition than are told apart.",
        "Use one source name for one publisher.",
    ),
    "frame_count": ("The header counts more rows than a frame may hold.", ASK_WRITER),
    "frame_size": ("A frame's length is not that of the rows which its header counts: cut, or too long.", ASK_WRITER),
    "not_a_document": (
        "The value is not the JSON document that its header names, or a field is missing, mistyped or out of bounds.",
        "Compare the value in `dlq` with the document's declaration in `schemas/`.",
    ),
    "unknown_document": (
        "The value is not JSON, or its `type` is none of this build's.",
        "Upgrade: a newer build may have written it. Otherwise ask the writer.",
    ),
    "unwritable": (
        "A document that an agent made breaks its own declaration, and is not written.",
        "A fault of the agent that made it: report it with the document's name and field.",
    ),
}

BAD_PAYLOAD = {
    "": ("A payload or row cannot be used; the code that refused it gives no closer reason.", KEPT),
    "bad_key": ("The record's key is no `market:symbol`.", "Publish with such a key, e.g. `spot:BTCUSDT`."),
    "misplaced": (
        "A payload lies on another partition than its key's: the book and position of its instrument are kept there.",
        "Choose the partition by crc32 of the key, as `schemas/partitions.py` says.",
    ),
    "envelope": (
        "A payload's source is unknown, or its number or receive time is below 0 or beyond 64 bits.",
        "Publish under a source of `schemas/sources.py`, with `ts_recv` in nanoseconds.",
    ),
    "absurd_time": (
        "A payload's `ts_recv` lies before 1970 or after 2100: one such would stop log time for good.",
        "Stamp in nanoseconds since 1970, UTC.",
    ),
    "too_large": ("A payload is larger than is accepted.", "Publish what the venue sent, message by message."),
    "too_deep": ("Arrays and objects nest deeper than any real message.", ASK_VENUE),
    "not_a_message": (
        "The payload is no JSON object of the venue, or a field in it is of the wrong type or out of bounds.",
        ASK_VENUE,
    ),
    "unknown_event": (
        "The message is of an event that is not read: only depth differences, best bid and offer, and trades are.",
        "Do not subscribe to it (`trade` carries every fill, `aggTrade` is not needed).",
    ),
    "unknown_trade": (
        "A trade is taken back or corrected that was never told, was busted before, or is older than its instrument's "
        "newest 1,024.",
        "What was told of it stands in `ticks`: take it off by hand. Where the trade came later: `tapedeck dlq retry`.",
    ),
    "second_publisher": (
        "Two publishers write under one source name: the payload's number was used before, by the other.",
        "End one of them, or give it another name; then `tapedeck dlq retry --kind bad_payload.second_publisher`.",
    ),
    "future_version": (
        "A JSON tick is of a later version than this build reads.",
        "Upgrade Tapedeck, then `tapedeck dlq retry --kind bad_payload.future_version`; or send an older one.",
    ),
    "missing_field": ("A field that the message must have is missing.", ASK_VENUE),
    "other_symbol": ("The message names another symbol than the record's key.", "Key each payload by its own symbol."),
    "ids_reversed": ("A depth difference's first update id is above its last.", ASK_VENUE),
    "not_a_string": ("A price or size is not in a JSON string.", ASK_VENUE),
    "not_a_number": ("A price or size is no decimal number.", ASK_VENUE),
    "not_finite": ("A price or size is NaN or infinite.", ASK_VENUE),
    "negative": ("A price or size is negative.", ASK_VENUE),
    "too_fine": ("A price or size has more than 9 decimals.", ASK_VENUE),
    "absurd_number": ("A price or size is above a billion.", ASK_VENUE),
    "zero_price": ("A price is zero.", ASK_VENUE),
    "zero_size": ("The size of a trade or of the best bid or offer is zero.", ASK_VENUE),
    "off_grid": (
        "A traded size is no multiple of the instrument's `size_increment`.",
        "Compare the instrument's definition with the venue's lot size.",
    ),
    "off_increment": (
        "A price of purchased history is no multiple of the instrument's `price_increment`.",
        "Compare the definition, the map's or the shipped one, with what the file's prices are steps of.",
    ),
    "row_columns": (
        "A row of a purchased file has another number of columns than the file, or one that says nothing known.",
        "Mend the row named by file and line, or the map's `delimiter`; the row stands whole in the payload.",
    ),
    "row_time": (
        "A row of a purchased file has no time of the unit or format that its map says.",
        "Mend the row named by file and line, or the map's `time`.",
    ),
    "not_levels": ('Levels are no list of `["price", "size"]`.', ASK_VENUE),
    "too_many_levels": ("A message has more levels than any real book.", ASK_VENUE),
    "absurd_tick": (
        "A tick's log time, prices or sizes are none that a venue could mean.",
        "Ask whoever writes ticks: normalise makes none like it.",
    ),
    "other_view": (
        "A row of features was made by another view than the model's.",
        "Let the feature and the score task run the same build.",
    ),
    "not_an_intent": ("A document on `orders.intent` is no intent.", ASK_WRITER),
}

UNKNOWN_INSTRUMENT = {
    "": ("An instrument has no definition; the code that refused it gives no closer reason.", KEPT),
    "not_defined": (
        "The payload, row or intent names an instrument without a definition in this run.",
        "Add its definition, or do not subscribe to it.",
    ),
}
