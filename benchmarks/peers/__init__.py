"""The same job written for other stream processors, each as its documentation would have it written.

Both read the four topics, validate with pydantic, keep a ticket's state by its id, and aggregate first responses,
responses and resolutions by team in panes of event time; both are durable: Bytewax by its recovery store, Quix
Streams by its changelog topics. It is a smaller job than a worker's, to their advantage: one window instead of four,
one label instead of three, no duplicates found, nothing taken back, no surveys, backlog, SLA targets or scrapes.
"""
