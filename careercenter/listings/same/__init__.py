"""Same work, once: which listings are the same work, whoever shows it.

`profile` says what a listing is compared by, `score` how alike two are, `solve` which of them belong together; `regroup` does
it for changed listings, `decide` is staff's word, `look` what pages show. docs/decisions/0009-same-work.md says why.
"""
