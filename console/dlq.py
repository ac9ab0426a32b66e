"""``tapedeck dlq``: what was refused, and putting it back. A retry is a record in ``control``: who, when and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cluster import running
from console.risk_write import Author, Json, Reason, author_of, say, text_of

LIMIT_DEFAULT = 20
LIMIT_MAX = 10_000
"""Most letters that ``list --limit`` may ask for: they are held in memory."""
RETRY_MAX = 1_000
"""Letters of a kind that are put back at once, the oldest first; ``--all`` takes every one."""
BYTES_DEFAULT = 4_096
BYTES_MAX = 16 * 1024 * 1024
"""Most of a payload that ``show --bytes`` may ask for: the largest record."""

app = typer.Typer(help="Look at refused inputs, and put them back.", rich_markup_mode=None)

Run = Annotated[
    str | None,
    typer.Option(
        metavar="RUN", show_default=False, help="Run id, or live [default: live if it was opened, else the newest]."
    ),
]
Kind = Annotated[
    str, typer.Option(metavar="KIND", show_default=False, help="bad_payload.zero_price, or a whole class: bad_payload.")
]


@app.callback()
def dlq() -> None:
    """Look at refused inputs, and put them back.

    Every input that a task refuses is in the topic dlq: whole, once, with the reason and its place.
    """


@app.command(
    "list",
    epilog="\b\nExamples:\n  tapedeck dlq list\n  tapedeck dlq list --kind bad_payload --since 30m\n"
    "  tapedeck dlq list --topic raw --limit 1000 --json | jq .by_kind",
)
def list_letters(
    context: typer.Context,
    run: Run = None,
    kind: Kind = "",
    topic: Annotated[
        str, typer.Option(metavar="TOPIC", show_default=False, help="Of the refused input: raw, ticks, or a full name.")
    ] = "",
    since: Annotated[
        str, typer.Option(metavar="MOMENT", show_default=False, help="30m, 2h, 1d ago, or 2026-11-24T09:30 (UTC).")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=LIMIT_MAX, help="How many.")] = LIMIT_DEFAULT,
    json: Json = False,
) -> None:
    """The newest dead letters, a line each: number, time, task, place, kind, size, reason."""
    from console.dlq_words import listed_as_json, listed_lines, moment_of
    from operations.letters import Wanted, letters, newest
    from operations.retries import read_orders
    from streams.clock import wall_ns

    wanted = Wanted(kind, topic, moment_of(since, wall_ns()) if since else 0)
    with _Opened(context, run) as opened:
        found, total = newest(letters(opened.log, opened.namespace, wanted), limit)
        retried = read_orders(opened.log, opened.namespace).by_letter
    told = listed_as_json(opened.run, found, total, retried)
    say(told, listed_lines(told), json)


@app.command(
    epilog="\b\nExamples:\n  tapedeck dlq show 17\n  tapedeck dlq show 17 --bytes 200000 --json | jq -r .payload"
)
def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", show_default=False, help="As list shows it.")],
    run: Run = None,
    size: Annotated[
        int, typer.Option("--bytes", min=0, max=BYTES_MAX, help="Most of the payload to show.")
    ] = BYTES_DEFAULT,
    json: Json = False,
) -> None:
    """One dead letter: what was wrong, what that kind means, what to do, and the payload as text or hex."""
    from console.dlq_words import number_of, shown_as_json, shown_lines
    from operations.letters import letter_at
    from operations.retries import read_orders

    place = number_of(number)
    with _Opened(context, run) as opened:
        filed = letter_at(opened.log, opened.namespace, *place)
        retried = read_orders(opened.log, opened.namespace).by_letter.get(place)
    told = shown_as_json(filed, retried, size)
    say(told, shown_lines(told), json)


@app.command(
    epilog='\b\nExamples:\n  tapedeck dlq retry 17 18 --reason "definition added"\n'
    "  tapedeck dlq retry --kind unknown_instrument --reason loaded --json"
)
def retry(
    context: typer.Context,
    reason: Reason,
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="[NUMBER]...", show_default=False, help="As list shows them.")
    ] = None,
    kind: Kind = "",
    every: Annotated[
        bool, typer.Option("--all", help=f"With --kind: all there are, not the {RETRY_MAX:,} oldest alone.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Even those that were put back before.")] = False,
    run: Run = None,
    author: Author = None,
    json: Json = False,
) -> None:
    """Put raw payloads back where they came from, so that they are processed: after what was wrong has been mended.

    Each keeps its bytes, key and receive time, and gets a number of its own; the record of it is in control. A letter
    is put back once: again only with --again. Letters of other topics, and of play runs, are refused: the line says
    what to do instead. Cut off at any point, the next retry finishes it, once. Nothing is ordered where a number is
    wrong (exit 2).
    """
    from console.dlq_words import number_of, retried_as_json, retried_lines
    from operations.letters import Wanted, letter_at, letters
    from operations.retries import retry as put_back
    from schemas.errors import ConfigError

    places = list(dict.fromkeys(number_of(number) for number in numbers or ()))
    if bool(places) == bool(kind) or (every and not kind):
        raise ConfigError(
            "say which letters: numbers, or a kind", kind="flags_conflict", got="both" if places else "neither",
            allowed="NUMBER..., or --kind KIND [--all]", where="tapedeck dlq retry",
        )  # fmt: skip
    why, who = text_of(reason, "--reason"), author_of(author)

    with _Opened(context, run) as opened:
        log, namespace = opened.log, opened.namespace

        def found() -> Any:
            if places:
                return [letter_at(log, namespace, *place) for place in places]
            return letters(log, namespace, Wanted(kind))

        most = None if places or every else RETRY_MAX
        done = put_back(
            log, namespace, found, most=most, named=bool(places), again=again, author=who, reason=why
        )  # fmt: skip
    told = retried_as_json(opened.run, done)
    say(told, retried_lines(told), json)


class _Opened:
    """The log, and whose letters are meant."""

    def __init__(self, context: typer.Context, run: str | None) -> None:
        from operations.letters import namespace_of
        from streams.kafka import connect

        self.log = connect(running(context))
        try:
            self.run, self.namespace = namespace_of(self.log, run)
        except BaseException:
            self.log.close()
            raise

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.log.close()
