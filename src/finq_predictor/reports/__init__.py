"""Pages for people: what is shown, in which words, and how it looks."""
