"""Which articles tell again what an article before them told, in nearly the same words.

Agencies send a story many times: marked as an update, in capitals, with the name of another feed, with one word more.
Two headlines that differ in a number, or have each a word that the other has not, are two stories: "raises" and
"lowers", "Barclays" and "Goldman" differ by as little as a repetition does.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import takewhile

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT

WINDOW = pd.Timedelta(days=3)
"""What is told again later than this is told anew: a template of every week is no repetition."""
SMALLEST_SHARE = 0.75
"""Of the words of both headlines, the share that both have (Jaccard 1912); of both bodies half."""
_SMALLEST_BODY_SHARE = 0.5
# Shorter headlines differ by too little.
_FEWEST_WORDS = 4


def _singular(word: str) -> str:
    """Without the s of a plural, of a verb or of whose something is."""
    stem = word.removesuffix("'s").removesuffix("'")
    return stem[:-1] if len(stem) > 3 and stem.endswith("s") and not stem.endswith("ss") else stem


_MARK = re.compile(
    r"\W*(?:(?:rt\s+)?@\w+:?|rt\b:?|(?:\d(?:st|nd|rd|th) )?"
    r"(?:updated?|udpate|correction(?: from source)?|corrected|refile|rpt|repeat|wrapup|"
    r"breaking(?: news)?|alert|exclusive|flash|urgent)(?: ?\d{1,2})? ?[-:–—])"
)
_AGENCY = (
    r"(?:reuters|bloomberg|associated press|ap|afp|dow jones|wsj|wall street journal|cnbc|cnn(?: business)?|"
    r"marketwatch|financial times|ft|yahoo finance|yahoo|barron's|forbes|benzinga|seeking alpha|investing|"
    r"fxstreet|forex|nasdaq|business wire|pr newswire|globenewswire|[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|uk|de|co|in))"
)
_FEED = re.compile(rf" [-–—|]+ ?{_AGENCY}(?:\.com)?$")
# A line of dashes would be tried from each of them to the end.
_DASHES = re.compile(r"[-–—|]{3,}")
_TAG = re.compile(r"[$#]+[^\W\d]|…")
_LINK = re.compile(r"https?://\S+|\bpic\.twitter\.com/\S+")
_WORD = re.compile(r"[$#]?[^\W\d_]+(?:['’&-][^\W\d_]+)*|[-+]?[$€£]?\d+(?:[.,:/]\d+)*%?[a-z]*")
_DIGIT = re.compile(r"\d")
# Words that carry no news: whether they are there or not, a headline says the same.
_EMPTY = frozenset(
    {
        "a", "an", "the", "of", "on", "in", "at", "to", "for", "from", "by", "with", "as", "and", "or", "its",
        "it", "is", "are", "was", "were", "be", "been", "has", "have", "had", "that", "this", "inc", "corp",
        "co", "ltd", "plc", "llc", "company", "corporation", "incorporated", "coverage", "shares", "share",
        "stock", "via",
    }
)  # fmt: skip
# Words that turn a headline round where they are added.
_TURNING = frozenset(
    _singular(word) for word in (
        "not", "no", "never", "none", "without", "denies", "denied", "deny", "unlikely", "fails", "failed",
        "fail", "despite", "halts", "halted", "cancels", "cancelled", "withdraws", "withdrawn", "rejects",
        "rejected", "ends", "false", "rumor", "rumour", "former", "isn't", "doesn't", "don't", "won't",
        "can't", "cannot", "wasn't", "weren't", "didn't", "aren't", "hasn't", "haven't",
    )
)  # fmt: skip


@dataclass
class _Told:
    """What was told for the first time about one instrument, found by the words and numbers of its headline."""

    stories: list[_Story] = field(default_factory=list)
    places: dict[tuple[frozenset[str], str], list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, story: _Story) -> None:
        for word in story.words:
            self.places[story.numbers, word].append(len(self.stories))
        self.stories.append(story)

    def find(self, story: _Story, since: int) -> _Story | None:
        """The first story from ``since`` on that is told again."""
        # Who shares enough of the words has one of any few of them; the rarest leave the fewest to compare.
        size = len(story.words)
        few = size - int(SMALLEST_SHARE * size) + 1
        lists = sorted((self.places.get((story.numbers, word), ()) for word in story.words), key=len)[:few]
        for place in sorted({place for places in lists for place in _from(places, self.stories, since)}):
            if _tells_again(self.stories[place], story):
                return self.stories[place]
        return None


@dataclass(frozen=True, slots=True)
class _Story:
    article: str
    known: int
    words: frozenset[str]
    numbers: frozenset[str]
    body: frozenset[str]


def first_told(articles: pd.DataFrame) -> pd.Series:
    """Say which article each one repeats.

    An article is compared with those about its instrument that were known up to `WINDOW` before it and repeat nothing
    themselves: a story that is told every day a little differently is one for as long as the window only, and what
    comes later changes no earlier answer. It repeats the first of them with the same numbers whose headline has all its
    words, or only words that it has too, `SMALLEST_SHARE` of them in common and none that turns the meaning round;
    where both have a body, half the words of those must agree. Case, punctuation, links, agencies' marks, the name of
    the feed at the end and the order of words do not count.

    Args:
        articles: ``article_id, instrument, known_at, title, body`` in the order in which they became known.

    Returns:
        The ``article_id`` of the first, empty where an article repeats none, with the index of ``articles``. An
        article that was revised may repeat itself.
    """
    told: dict[str, _Told] = defaultdict(_Told)
    window = WINDOW // pd.Timedelta(microseconds=1)
    columns = (articles[name] for name in ("article_id", INSTRUMENT, "title", "body"))
    known = articles[KNOWN_AT].astype("int64")
    found = []
    for identity, instrument, title, body, moment in zip(*columns, known, strict=True):
        words, numbers = parts_of(title)
        story = _Story(identity, moment, words, numbers, frozenset(_words(body)))
        before = told[instrument]
        first = before.find(story, moment - window) if len(words) + len(numbers) >= _FEWEST_WORDS else None
        if first is None:
            before.add(story)
        found.append("" if first is None else first.article)
    return pd.Series(found, index=articles.index, dtype="str")


def parts_of(title: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words and the numbers of a headline, without what changes when it is only sent again."""
    text = _DASHES.sub("--", " ".join(_LINK.sub(" ", title.lower()).split()))
    while mark := _MARK.match(text):
        text = text[mark.end() :]
    parts = _FEED.sub("", text).split()
    # A row of tags at the end says who is to read it.
    bare = len(parts) - sum(1 for _ in takewhile(_TAG.match, reversed(parts)))
    found = _words(" ".join(parts[:bare] if bare >= _FEWEST_WORDS else parts))
    numbers = frozenset(word.rstrip("%") for word in found if _DIGIT.search(word))
    return frozenset(word for word in found if not _DIGIT.search(word)), numbers


def _words(text: str) -> list[str]:
    found = (word.replace("’", "'") for word in _WORD.findall(text.lower()))
    return [_singular(word) for word in found if word not in _EMPTY]


def _from(places: list[int] | tuple[()], stories: list[_Story], since: int) -> list[int]:
    """Places of stories that are recent enough, which are the last ones."""
    kept = []
    for place in reversed(places):
        if stories[place].known < since:
            break
        kept.append(place)
    return kept


def _tells_again(first: _Story, again: _Story) -> bool:
    fewer, more = sorted((first.words, again.words), key=len)
    if not fewer <= more or not (more - fewer).isdisjoint(_TURNING):
        return False
    numbers = len(first.numbers)
    if len(fewer) + numbers < SMALLEST_SHARE * (len(more) + numbers):
        return False
    if not (first.body and again.body):
        return True
    return len(first.body & again.body) >= _SMALLEST_BODY_SHARE * len(first.body | again.body)
