# The verbs that people and CI share. `just` is a convenience: every line works by hand, and .ci/run needs no `just`.

# What there is.
_default:
    @just --list

# Format, lint, types, and the direction of imports.
lint:
    uv run ruff format --check
    uv run ruff check
    uv run mypy
    uv run lint-imports

# Format in place, and mend what ruff can mend.
fix:
    uv run ruff format
    uv run ruff check --fix

# All tests, or those named: just test tests/laws
test *ARGUMENTS:
    uv run pytest {{ARGUMENTS}}

# docs/errors.md and docs/metrics.md, from the tables of every kind of error and every metric.
docs:
    uv run python -m schemas.errors > docs/errors.md
    uv run python -m streams.metrics > docs/metrics.md

# The long fuzz: more examples of every property, then atheris, coverage-guided: just fuzz 300 (seconds a harness)
fuzz SECONDS="120":
    TAPEDECK_FUZZ_EXAMPLES=2000 uv run pytest tests/fuzz --timeout 3600
    uv run --group fuzz python -m tests.fuzz.atheris_doors {{SECONDS}}

# Benchmarks: just bench lists them; just bench --gate; just bench NAME [--quick] [--json FILE]; just bench --all
bench *ARGUMENTS:
    uv run python -m benchmarks --commit "$(git rev-parse --short HEAD)" {{ARGUMENTS}}

# The committed baseline anew, on a quiet machine, and docs/performance.md's tables and plots from it.
bench-baseline:
    uv run python -m benchmarks --all --baseline --no-bounds --commit "$(git rev-parse --short HEAD)"
    uv run --group plots python -m benchmarks --docs

# The tests that take minutes: faults on a real Kafka, planted bugs, workers that share partitions.
long:
    uv run pytest -m long -n 0 --timeout 900

# Two minutes of faults, one of five runs by the day: between them they carry out every kind.
chaos-day:
    .ci/chaos

# An hour of faults under load, on Kafka, of another seed each time: just chaos [SECONDS] [more flags]
chaos SECONDS="3600" *ARGUMENTS:
    uv run tapedeck chaos --seconds {{SECONDS}} --seed "$(date +%s)" {{ARGUMENTS}}

# Everything that must hold before a change is taken: lint, tests, a short run on the embedded broker.
ci:
    .ci/run
