"""How the tables of the shared database came to be, step by step; a step that was released is never changed."""
