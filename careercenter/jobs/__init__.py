"""Work that happens outside a request, and when.

`table` names every job, its schedule and its function. One worker is elected (`leader`); in it APScheduler wakes
(`wake`) and inserts a claim row, and the row decides who runs what (`careercenter.work`). Runs are executed by a
`Runner`: in the worker's own threads on SQLite, through Procrastinate's queue on PostgreSQL. Web processes never
schedule.
"""
