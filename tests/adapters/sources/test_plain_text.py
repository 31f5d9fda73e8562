"""HTML becomes the text that a reader sees, and never more than that."""

from __future__ import annotations

import pytest

from finq_predictor.adapters.sources.plain_text import plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("<p>One</p><p>Two</p>", "One Two"),
        ("EUR<b>/USD</b> <i>rises</i>", "EUR/USD rises"),
        ("A&nbsp;&amp;&#x20AC;&hellip;", "A &€…"),
        ("one<br/>two<br>three", "one two three"),
        ("<script>alert('x')</script>seen<style>p {}</style>", "seen"),
        ("<script>never closed", ""),
        ("</script>seen", "seen"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ('<img src=x onerror="alert(1)">', ""),
        ("<!-- hidden -->seen", "seen"),
        ("&lt;b&gt;", "<b>"),
        ("  \n many \t blanks ", "many blanks"),
        ("", ""),
    ],
)
def test_the_text_of_html(html, text):
    assert plain_text(html) == text
