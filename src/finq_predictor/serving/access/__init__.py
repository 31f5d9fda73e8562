"""Who may ask the service what: accounts, their keys and tokens, and what is refused.

`Access.caller` answers from memory who sent some headers; `Caller.require` says what that one may do. Everything else
here fills that memory, or hands out what is sent in those headers.
"""
