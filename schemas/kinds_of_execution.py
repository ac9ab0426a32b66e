"""Kinds of reports that cannot be used. Each is whole in ``dlq``, and can be put back: ``tapedeck dlq retry``."""

from __future__ import annotations

COMPARE = "Compare it with the venue. Where the venue is right, bring the position right by hand, and say so in a note."

BAD_EXECUTION = {
    "": ("A report cannot be used; the code that refused it gives no closer reason.", COMPARE),
    "not_a_report": (
        "A payload is no execution report, nor a venue's message that an adapter knows; or a field cannot be used.",
        "Compare it with `schemas/execution_report.py` or `feeds/executions/`; mend the gateway, and send it again.",
    ),
    "used_id": (
        "A report has the `execution_id` of another, and says something else.",
        "Mend the gateway: an id names one report for ever. What was said first stands.",
    ),
    "unknown_order": (
        "A report on an order that is not in `orders` for this gateway, or lies too far back.",
        "Where the order comes later, retry it then. Else find out at the venue who traded.",
    ),
    "closed_order": ("A report on an order that is filled, cancelled, rejected or replaced.", COMPARE),
    "beyond_quantity": ("A fill would bring an order beyond its quantity.", COMPARE),
    "too_many_reports": (
        "An order has had more reports than can be numbered: only one that ends it is taken yet.",
        "Mend the gateway: it repeats itself under new ids. End the order: `tapedeck risk resolve`.",
    ),
    "off_grid": (
        "A quantity is no whole number of the instrument's `size_increment`.",
        "Correct the definition, or the gateway's unit: it counts as `quantity_decimal` in `orders` does.",
    ),
    "quantity_differs": (
        "What a report says is filled so far differs from what was told: a fill was lost, or is late.",
        "Send the missing fill; then retry this one.",
    ),
    "bad_fill": (
        "A fill without quantity or price, or a quantity where nothing filled.",
        "Mend the gateway, and send it again under another `execution_id`.",
    ),
    "wrong_status": (
        "A status that the order cannot have: `replaced` belongs to a replace, a fill to no cancel.",
        "Mend the gateway, and send it again under another `execution_id`.",
    ),
    "forced": (
        "The venue traded without an order of ours: a liquidation, auto-deleveraging or settlement.",
        "Halt the account; bring the position right by hand.",
    ),
}
