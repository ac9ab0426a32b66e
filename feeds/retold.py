"""What the newest numbers of a stream said: another word under a known number is told from another connection's copy.

A venue may think again about a trade and tell it anew under its id (``amendments.py``). Each connection brings both
words, in the venue's order. The first to bring a word is passed on; a connection that is behind brings the old word
when the new one is out already, and is not heard. A word that was said before is news only where the venue says it
later than the one that holds: it was corrected back.

>>> retold = Retold(2)
>>> [retold.is_news(7, word, told_ns) for word, told_ns in (((1,), 10), ((2,), 20), ((1,), 10), ((2,), 20), ((1,), 30))]
[True, True, False, False, True]
>>> retold.is_news(8, (1,), 40), retold.is_news(9, (1,), 50), retold.is_news(7, (3,), 60)
(True, True, False)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from feeds.recent_ids import RECENT_IDS_MAX

Word = tuple[int, ...]
"""What a payload says under its number."""


@dataclass(slots=True)
class _Told:
    holds: Word
    told_ns: int
    words: set[Word] = field(default_factory=set)


class Retold:
    """The newest numbers of a stream, and what was said under each.

    Args:
        size: How many are held: of an older one nothing is news, as nobody who reads on can amend it.
    """

    def __init__(self, size: int = RECENT_IDS_MAX) -> None:
        self._size = size
        self._told: dict[int, _Told] = {}
        self._floor = -1

    def is_news(self, number: int, word: Word, told_ns: int) -> bool:
        """Whether nobody has said so yet; it is taken in.

        Args:
            number: Under which it is said.
            word: What is said.
            told_ns: When the venue said it.
        """
        told = self._told.get(number)
        if told is None:
            if number <= self._floor:
                return False
            self._told[number] = _Told(word, told_ns, {word})
            if len(self._told) > self._size:
                oldest = next(iter(self._told))
                del self._told[oldest]
                self._floor = max(self._floor, oldest)
            return True
        if word == told.holds or (word in told.words and told_ns <= told.told_ns):
            return False
        told.words.add(word)
        if told_ns > told.told_ns:
            told.holds, told.told_ns = word, told_ns
        return True
