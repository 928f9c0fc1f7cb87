"""The same job written for other stream processors, each as its documentation would have it written.

Both read the four topics, validate with pydantic, find duplicates, keep a ticket's state by its id, and add first
responses, responses and resolutions up, with a histogram, by team and channel in the panes of a worker's default
windows; both are durable: Bytewax by its recovery store, Quix Streams by its changelog topics. It is still a smaller
job than a worker's, to their advantage: panes are not added up to windows, nothing is taken back when a ticket is
reopened or an event comes late, labels are those of the last event seen, and there are no surveys, flows, backlog, SLA
clocks, counters or scrapes.
"""
