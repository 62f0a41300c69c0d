"""Free SQL: any SELECT that an analyst writes, in reader processes that can do nothing but answer it.

`gate`, `frames`, `answers`, `limits` and `process` run in the reader and import nothing heavy; `readers`,
`snapshots` and `desk` run in Dialtone.
"""
