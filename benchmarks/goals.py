"""What is to be reached, where in the results it is found, and why it is missed where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from benchmarks import clocks, delay, footprint, hot, scrape, soak, state, throughput, workers

Result = Mapping[str, Any]
Results = Mapping[str, Result]


class Goal(NamedTuple):
    """One line of the table."""

    part: str
    figure: str
    goal: str
    found: Callable[[Result], str]
    reached: Callable[[Result], bool]
    why: Callable[[Results], str]
    """Of a miss, in words and figures."""


def _peer(name: str, title: str, durable: str, least: float) -> Goal:
    return Goal(
        "throughput",
        f"the same against {title}, with {durable}",
        f"≥ {least} times",
        lambda r: _peer_found(r["peers"].get(name)),
        lambda r: r["peers"][name]["worker_is_faster"] >= least,
        lambda rs: _peer_why(rs["throughput"]["peers"].get(name), title),
    )


def _peer_found(peer: Result | None) -> str:
    if peer is None:
        return "not measured"
    if "failed" in peer:
        return f"failed: {peer['failed'].splitlines()[0][:120]}"
    return (
        f"**{peer['worker_is_faster']} times** ({peer['events_per_second']:,} events/s); by processor time"
        f" {peer['worker_needs_less_cpu']} times ({peer['cpu_us_per_event']} µs an event)"
        + _compiled_found(peer)
    )


def _compiled_found(peer: Result) -> str:
    if "compiled_is_faster" not in peer:
        return ""
    return (
        f"; with a compiled core **{peer['compiled_is_faster']} times**, by processor time"
        f" {peer['compiled_needs_less_cpu']} times"
    )


def _peer_why(peer: Result | None, title: str) -> str:
    if peer is None or "failed" in peer:
        return "without a run there is no ratio"
    return f"{title} does a smaller job here (see below) for {peer['cpu_us_per_event']} µs an event"


def _delay(rate: int) -> Goal:
    def run(result: Result) -> Result:
        found: Result = result[f"{rate}/s"]
        return found

    def told(result: Result) -> str:
        shown, asked = run(result)["by_name"]["shown_ms"], run(result)["by_name"]["asked_ms"]
        page = run(result)["realistic"]["shown_ms"]
        return (
            f"**p50 {shown['p50']} ms, p99 {shown['p99']} ms** in a scrape of one metric (`?name[]=`), its own time"
            f" included; without that {asked['p50']} and {asked['p99']} ms; in a scrape of all"
            f" {run(result)['samples']:,} samples {page['p50']} and {page['p99']} ms" + compiled(result)
        )

    def compiled(result: Result) -> str:
        found = result.get("compiled", {}).get(f"{rate}/s")
        if found is None:
            return ""
        quick = found["by_name"]
        shown = quick["shown_ms"]
        return (
            f"; with a compiled core **p50 {shown['p50']} ms, p99 {shown['p99']} ms** by name"
            f"{'' if quick['kept_up'] else ', and it does not keep up either'}"
        )

    def why(results: Results) -> str:
        found = run(results["delay"])
        if not found["by_name"]["kept_up"]:
            return (
                "the worker does not keep up with this rate beside a broker and a publisher on the same cores"
            )
        own = found["by_name"]["asked_ms"]
        cores = results["delay"]["machine"]["cores"]
        return (
            f"worker, broker and publisher share {cores} cores: an event waits for its turn; of the worker's own delay"
            f" half are within {own['p50']} ms, 90 % within {own['p90']} ms"
        )

    return Goal(
        "delay",
        f"published → visible in `/metrics`, at {rate:,} events/s",
        "p50 ≤ 20 ms, p99 ≤ 100 ms",
        told,
        lambda r: delay.reached(dict(run(r)), "by_name"),
        why,
    )


def _throughput_why(results: Results) -> str:
    found = results["throughput"]
    return (
        f"an event costs {found['worker_cpu_us_per_event']} µs of processor time, in the bare loop"
        f" {found['bare_cpu_us_per_event']}: some hundred small steps of interpreted Python (*The core alone* tells"
        " stage by stage)"
        + (
            f"; with the core compiled it costs {found['compiled_cpu_us_per_event']}"
            if found.get("compiled")
            else ""
        )
    )


def _near(results: Result) -> list[Result]:
    """The sizes of a scrape that are about 20,000 samples."""
    return [row for row in results["sizes"] if 15_000 <= row["samples"] <= 25_000]


def _scrape_found(result: Result) -> str:
    rows = _near(result)
    times = ", ".join(f"{row['ms']} ms ({row['tickets']:,} tickets, {row['panes']:,} panes)" for row in rows)
    kept = max(row["loop_kept_ms"] for row in rows)
    return f"{rows[0]['samples']:,} samples: **{times}**; loop kept {kept} ms"


def _soak_found(result: Result) -> str:
    full = result["full"]
    if full is None:
        return "the run was too short"
    return (
        f"**{full['growth']:.1%}** ({full['mb_per_hour']} MB an hour at {full['resident_mb']} MB); lag"
        f" {full['lag_first_half']:,.0f} → {full['lag_second_half']:,.0f} events, files {full['files_first_half']:.0f}"
        f" → {full['files_second_half']:.0f}"
    )


def _soak_why(result: Result) -> str:
    full = result["full"]
    if full is None:
        return "tickets are not forgotten yet"
    looks = [look for look in result["looks"] if look["day"] >= full["from_day"]]
    first, half, last = (looks[place] for place in (0, len(looks) // 2, -1))
    most = max(look["tickets"] for look in looks)
    return (
        f"{half['resident_mb'] - first['resident_mb']:.0f} MB came in the first half of that time and"
        f" {last['resident_mb'] - half['resident_mb']:.0f} in the second, while the tickets kept rose from"
        f" {first['tickets']:,.0f} to {most:,.0f} at the most (a week has its busy days): memory follows the peak and"
        " is not given back; how much else there is in it, a longer run has to show"
    )


_STATE_WHY: Final = (
    "a Python `bytes` and a dict's place take some 130 bytes beside key and value as they are stored"
)

GOALS: Final = (
    Goal(
        "throughput",
        "throughput, four topics mixed, durable, against the bare loop",
        f"≥ {throughput.GOAL}, aim for 0.5",
        lambda r: (
            f"**{r['ratio']:.3f}** ({r['worker_events_per_second']:,} against"
            f" {r['bare_events_per_second']:,} events/s); by processor time {r['cpu_ratio']:.3f}"
            + (f"; with a compiled core **{r['compiled_ratio']:.3f}**" if r.get("compiled") else "")
        ),
        lambda r: r["ratio"] >= throughput.GOAL,
        _throughput_why,
    ),
    _peer("bytewax", "Bytewax", "recovery", 1.5),
    _peer("quix", "Quix Streams", "changelog", 3.0),
    _delay(1_000),
    _delay(10_000),
    Goal(
        "state",
        "memory of an open ticket, all told",
        f"≤ {state.GOAL_BYTES} bytes, aim for 400",
        lambda r: (
            f"**{r['open']['resident_bytes_per_ticket']} bytes** ({r['open_tickets']:,} open;"
            f" {r['open']['stored_bytes_per_ticket']} stored)"
        ),
        lambda r: r["open"]["resident_bytes_per_ticket"] <= state.GOAL_BYTES,
        lambda _: _STATE_WHY,
    ),
    Goal(
        "state",
        "memory of a resolved ticket within retention",
        f"≤ {state.GOAL_BYTES} bytes, aim for 400",
        lambda r: (
            f"**{r['all']['resident_bytes_per_resolved_ticket']} bytes** ({r['resolved_tickets']:,} beside the open"
            f" ones; {r['all']['stored_bytes_per_resolved_ticket']} stored)"
        ),
        lambda r: r["all"]["resident_bytes_per_resolved_ticket"] <= state.GOAL_BYTES,
        lambda _: _STATE_WHY,
    ),
    Goal(
        "state",
        "throughput of that full worker against an empty one",
        f"≥ {state.GOAL_THROUGHPUT}",
        lambda r: f"**{r['throughput_ratio']}**; processor time per event {r['cpu_ratio']} times",
        lambda r: r["throughput_ratio"] >= state.GOAL_THROUGHPUT,
        lambda _: "memory that does not fit the processor's caches, and garbage collection",
    ),
    Goal(
        "state",
        "recovery, from the start of the process until ready",
        f"≥ {state.GOAL_RECOVERY:,} tickets/s",
        lambda r: (
            f"**{r['open']['tickets_per_second']:,} tickets/s** ({r['open_tickets']:,} in {r['open']['seconds']} s;"
            f" {r['open']['cpu_us_per_ticket']} µs of processor time each)"
            + (
                f"; with a compiled core **{quick['tickets_per_second']:,}** ({quick['cpu_us_per_ticket']} µs)"
                if (quick := r["open"].get("compiled"))
                else ""
            )
        ),
        lambda r: r["open"]["tickets_per_second"] >= state.GOAL_RECOVERY,
        lambda rs: (
            f"reading, decoding and measuring a ticket anew takes {rs['state']['open']['cpu_us_per_ticket']} µs,"
            " and one process does it; what it measured could be kept beside its events (in a trial four times as fast,"
            " for 100 to 150 bytes a ticket), but then every change of a policy, of time zones and of the code would"
            " have to find out what of it no longer holds"
        ),
    ),
    Goal(
        "clocks",
        "a breach, with no event arriving: from its deadline to a reader of committed records",
        f"≤ {clocks.GOAL_MS} ms",
        lambda r: (
            f"**p50 {r['spread']['told_ms']['p50']} ms, p99 {r['spread']['told_ms']['p99']} ms** while"
            f" {r['clocks']:,} clocks run ({r['bytes_per_clock']} bytes each)"
        ),
        lambda r: r["spread"]["told_ms"]["p99"] <= clocks.GOAL_MS,
        lambda _: (
            "the ends of the topics are asked for every half second, and reached before a deadline may pass"
        ),
    ),
    Goal(
        "hot",
        "an event of a ticket that has 100,000, against others",
        f"as others (≤ {hot.GOAL} times)",
        lambda r: (
            f"**{r['live']['ratio']} times** live ({r['live']['hot_ticket']['cpu_us_per_event']} against"
            f" {r['live']['tickets_of_ten']['cpu_us_per_event']} µs); {r['catching_up']['ratio']} times catching up"
            f" with {r['catching_up']['events']:,}"
        ),
        lambda r: max(r["live"]["ratio"], r["catching_up"]["ratio"]) <= hot.GOAL,
        lambda _: "an event that arrives before earlier ones of its ticket has what follows it measured anew",
    ),
    Goal(
        "scrape",
        "a scrape of 20,000 samples",
        "≤ 40 ms, independent of tickets and panes; loop kept ≤ 20 ms",
        _scrape_found,
        lambda r: (
            all(row["ms"] <= 40 * row["samples"] / 20_000 for row in _near(r))
            and all(row["loop_kept_ms"] <= scrape.GOAL_BLOCK for row in _near(r))
        ),
        lambda _: "every sample is looked up and written anew; what has not changed could be kept",
    ),
    Goal(
        "footprint",
        "memory with 1,000 tickets",
        f"≤ {footprint.GOAL_MB} MB",
        lambda r: f"**{max(r['resident_mb'], r['resident_mb_after_events'])} MB**",
        lambda r: max(r["resident_mb"], r["resident_mb_after_events"]) <= footprint.GOAL_MB,
        lambda _: "most of it is code: Faust, aiokafka, aiohttp and pydantic",
    ),
    Goal(
        "footprint",
        "from start to ready with 1,000 tickets",
        f"≤ {footprint.GOAL_SECONDS:.0f} s",
        lambda r: f"**{r['ready_seconds']} s** ({r['ready_cpu_seconds']} s of processor time)",
        lambda r: r["ready_seconds"] <= footprint.GOAL_SECONDS,
        lambda rs: (
            f"{rs['footprint']['ready_cpu_seconds']} s are imports and work; the rest is waiting for the group to form"
        ),
    ),
    Goal(
        "workers",
        "two workers: processor time per event against one",
        f"≤ {workers.GOAL} times",
        lambda r: (
            f"**{r['ratio']} times**; throughput {r['throughput_ratio']} times, beside broker and publisher on the"
            " same cores"
        ),
        lambda r: r["ratio"] <= workers.GOAL,
        lambda _: "each worker pays for its own ticks, fetches and transactions, whatever its share",
    ),
    Goal(
        "soak",
        f"long run: memory from day {soak.FULL:.0f} to {soak.DAYS:.0f} of the simulation",
        f"flat (grows ≤ {soak.GOAL:.0%})",
        _soak_found,
        lambda r: r["full"] is not None and r["full"]["growth"] <= soak.GOAL,
        lambda rs: _soak_why(rs["soak"]),
    ),
)


def table(results: Results) -> list[str]:
    """Markdown: every goal beside its figure, and the reason where it is missed."""
    rows = ["| figure | goal | found | |", "|---|---|---|---|"]
    for goal in GOALS:
        result = results.get(goal.part)
        if result is None:
            rows.append(
                f"| {goal.figure} | {goal.goal} | not measured: `python -m benchmarks {goal.part}` | |"
            )
        elif "failed" in result:
            reason = str(result["failed"]).splitlines()[0][:160]
            rows.append(f"| {goal.figure} | {goal.goal} | the benchmark failed: {reason} | missed |")
        else:
            verdict = _verdict(goal, result)
            told = verdict if verdict == "reached" else f"missed: {goal.why(results)}"
            rows.append(f"| {goal.figure} | {goal.goal} | {goal.found(result)} | {told} |")
    return rows


def _verdict(goal: Goal, result: Result) -> str:
    try:
        return "reached" if goal.reached(result) else "missed"
    except KeyError:  # a peer that could not be run
        return "missed"
