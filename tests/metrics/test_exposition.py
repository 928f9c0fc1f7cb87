"""Both formats, read by prometheus_client's parsers and by promtool."""

import asyncio
import gzip
import math
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from cxstream.core.event import AgentReplied
from cxstream.core.rules import Rules
from cxstream.metrics.catalogue import CATALOGUE, METRICS
from cxstream.metrics.exposition import Encoder, Form, Process, body, negotiate, number
from cxstream.metrics.scrape import Scrapes

from .observed import MINUTE, NOON, Options, Worker, busy

TEXT, OPENMETRICS = Form(openmetrics=False, gzip=False), Form(openmetrics=True, gzip=False)


def samples(families):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


async def scrape(worker, form=TEXT, options=None):
    return (await Scrapes(worker, options or Options()).body(form)).decode()


@pytest.fixture
async def both(worker):
    scrapes = Scrapes(busy(worker), Options())
    text, openmetrics = (await scrapes.body(TEXT)).decode(), (await scrapes.body(OPENMETRICS)).decode()
    return text, openmetrics


def without_process(found):
    return {key: value for key, value in found.items() if key[0].startswith("cxstream_")}


async def test_both_formats_say_the_same(both):
    text, openmetrics = both
    plain = without_process(samples(parse_text(text)))
    assert len(plain) > 2_000
    assert plain == without_process(samples(parse_openmetrics(openmetrics)))


async def test_no_sample_stands_twice_and_none_carries_a_timestamp(both):
    for text in both:
        series = [line.rpartition(" ")[0] for line in text.splitlines() if line[:1] != "#"]
        assert len(series) == len(set(series))
        assert all(line.endswith("}") or "{" not in line for line in series)
        assert "_created" not in text


async def test_types_help_and_units(both):
    text, openmetrics = both
    ours = {f.name: f for f in parse_openmetrics(openmetrics) if f.name.startswith("cxstream")}
    expected = {}
    for metric in CATALOGUE:
        for family in metric.families:
            name = family.name.removesuffix("_total").removesuffix("_info")
            expected[name] = (family.type, family.help, family.unit)
    assert {name: (f.type, f.documentation, f.unit) for name, f in ours.items()} == expected
    assert "# TYPE cxstream_first_response_window_seconds_bucket untyped\n" in text
    assert "# TYPE cxstream_tickets_total counter\n" in text
    assert "# TYPE cxstream_build_info gauge\n" in text
    assert openmetrics.endswith("# EOF\n")
    assert "# EOF" not in text


async def test_the_families_exposed_are_those_of_the_catalogue(both):
    text, _ = both
    typed = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE cxstream")}
    assert typed == {family.name for metric in CATALOGUE for family in metric.families}


async def test_every_sample_has_the_labels_of_the_catalogue(both, worker):
    text, _ = both
    for name, labels in samples(parse_text(text)):
        base = name.removesuffix("_bucket").removesuffix("_gsum").removesuffix("_gcount")
        if base not in METRICS:
            base = base.removesuffix("_sum").removesuffix("_count")
        if name.startswith("cxstream"):
            present = {label for label, _ in labels} - {"le"}
            assert present == set(METRICS[base].label_names(worker.rules)), name


async def test_the_process_is_there(both):
    for text in both:
        assert "process_resident_memory_bytes " in text
        assert "process_cpu_seconds_total " in text


async def test_histograms_are_whole(both):
    text, _ = both
    found = samples(parse_text(text))
    for (name, labels), count in found.items():
        if name.endswith(("_gcount", "_seconds_count")):
            base = name.rpartition("_")[0]
            inf = found[f"{base}_bucket", tuple(sorted((*labels, ("le", "+Inf"))))]
            assert inf == count
    for metric in ("cxstream_first_response_window_seconds", "cxstream_response_seconds"):
        series = {}
        for (name, labels), value in found.items():
            if name == f"{metric}_bucket":
                known = dict(labels)
                series.setdefault(tuple(sorted((k, v) for k, v in known.items() if k != "le")), []).append(
                    (float(known["le"]), value)
                )
        for buckets in series.values():
            values = [value for _, value in sorted(buckets)]
            assert values == sorted(values)
            assert len(values) == 25
    assert all(le == "+Inf" or "." in le for (_, labels) in found for label, le in labels if label == "le")


async def test_the_numbers_are_those_of_the_ledgers(worker):
    for ticket in range(10):
        worker.lives(ticket)
    worker.opens("late", NOON - 90 * MINUTE, team="billing", channel="web", priority="high")
    found = samples(parse_text(await scrape(worker)))

    def value(name, **labels):
        return found[name, tuple(sorted(labels.items()))]

    window = {"window": "1h", "team": "billing", "channel": "email"}
    assert value("cxstream_first_response_window_seconds_gcount", **window) == 10
    assert value("cxstream_first_response_window_seconds_gsum", **window) == 10 * 300
    assert value("cxstream_first_response_window_seconds_bucket", le="240.0", **window) == 0
    assert value("cxstream_first_response_window_seconds_bucket", le="300.0", **window) == 10
    assert value("cxstream_tickets_window", flow="resolved", **window) == 10
    assert value("cxstream_survey_answers_window", survey="csat", category="positive", **window) == 10
    assert value("cxstream_survey_score_window_gsum", survey="nps", **window) == 30
    assert value("cxstream_survey_score_window_bucket", survey="nps", le="3.0", **window) == 10
    labels = {"team": "billing", "channel": "email", "priority": "normal"}
    assert value("cxstream_tickets_total", flow="opened", **labels) == 10
    assert value("cxstream_resolution_seconds_sum", **labels) == 10 * 1_200
    assert value("cxstream_survey_answers_total", survey="nps", category="detractor", **labels) == 10
    still = {"team": "billing", "channel": "web", "priority": "high"}
    assert value("cxstream_backlog_tickets", state="awaiting_first_reply", **still) == 1
    assert value("cxstream_backlog_tickets", state="in_progress", **still) == 0
    assert value("cxstream_backlog_age_tickets_bucket", le="3600.0", **still) == 0
    assert value("cxstream_backlog_age_tickets_gcount", **still) == 1
    assert value("cxstream_backlog_age_tickets_gsum", **still) == 5_400
    assert (
        value("cxstream_backlog_oldest_timestamp_seconds", team="billing", channel="web")
        == (NOON - 90 * MINUTE) / 1_000
    )
    assert value("cxstream_tickets_total", flow="opened", **still) == 0  # an open ticket's label set is known
    assert value("cxstream_events_total", topic="ticket-opened", result="applied") == 11
    assert value("cxstream_last_event_timestamp_seconds", source="default") == (NOON - 15 * MINUTE) / 1_000
    assert value("cxstream_assigned_partitions", topic="agent-replied") == 4
    assert value("cxstream_table_entries", table="tickets") == 11
    assert value("cxstream_config_info", hash="f" * 64) == 1


async def test_an_orphan_is_held(worker):
    worker.apply("unknown", AgentReplied(at=NOON, event_id="r"))
    found = samples(parse_text(await scrape(worker)))
    assert found["cxstream_orphan_events", ()] == 1
    assert found["cxstream_events_total", (("result", "orphan"), ("topic", "agent-replied"))] == 1


async def test_an_idle_worker_shows_what_is_known_and_no_oldest_ticket(worker):
    text = await scrape(worker, options=Options(teams=("vip", "tech")))
    found = samples(parse_text(text))
    assert "cxstream_backlog_oldest" not in text
    assert "_window" not in text
    totals = [value for (name, _), value in found.items() if name == "cxstream_tickets_total"]
    assert totals == [0.0] * (2 * 7 * 4 * 3)
    assert sum(1 for name, _ in found if name == "cxstream_events_total") == 4 * 5


async def test_nothing_live_is_shown_while_recovering():
    worker = busy(Worker())
    worker.owned, worker.reading = {}, True
    text = await scrape(worker)
    assert "_window" not in text
    assert "cxstream_backlog" not in text
    assert "cxstream_orphan_events" not in text
    found = samples(parse_text(text))
    assert found["cxstream_table_recovering", (("table", "tickets"),)] == 1
    assert found["cxstream_assigned_partitions", (("topic", "ticket-opened"),)] == 0
    assert found["cxstream_topic_partitions", (("topic", "ticket-opened"),)] == 4
    assert "cxstream_tickets_total{" in text  # cumulative numbers belong to the process


@pytest.mark.parametrize(
    "labels", [(), ("priority",), ("source", "kind"), ("team", "channel", "priority", "source", "kind")]
)
async def test_any_choice_of_labels(labels):
    rules = Rules(labels=labels, window_labels=labels[:1])
    worker = busy(Worker(rules=rules), tickets=10)
    text = await scrape(worker)
    assert without_process(samples(parse_text(text))) == without_process(
        samples(parse_openmetrics(await scrape(worker, OPENMETRICS)))
    )


NASTY = (
    'say "hi"',
    "back\\slash",
    "\\n",
    "new\nline",
    "percent %d %s %%",
    "{team=1}",
    "ž 👩\u200d💻",
    "# EOF",
    "x" * 300,
    " ",
    "'",
)


async def test_any_name_can_be_read_back():
    worker = Worker()
    for number_, team in enumerate(NASTY):
        worker.lives(number_, team=team)
    shown = {team for team in NASTY if "\n" not in team and len(team) <= 200} | {"other"}
    for found in (
        samples(parse_text(await scrape(worker))),
        samples(parse_openmetrics(await scrape(worker, OPENMETRICS))),
    ):
        opened = {
            dict(labels)["team"]: v
            for (name, labels), v in found.items()
            if name == "cxstream_tickets_total" and ("flow", "opened") in labels
        }
        assert opened == {team: 2 if team == "other" else 1 for team in shown}


async def test_ten_thousand_teams_are_fifty_and_other_and_sums_add_up():
    worker = Worker()
    for number_ in range(10_000):
        worker.opens(number_, NOON - MINUTE, team=f"team {number_:05}", channel="web", priority="low")
    text = await scrape(worker)
    found = samples(parse_text(text))
    for metric in (
        "cxstream_tickets_total",
        "cxstream_tickets_window",
        "cxstream_backlog_tickets",
        "cxstream_backlog_age_tickets_gcount",
    ):
        mine = {labels: value for (name, labels), value in found.items() if name == metric}
        teams = {dict(labels)["team"] for labels in mine}
        assert teams == {f"team {i:05}" for i in range(50)} | {"other"}
        windows = 4 if "window" in metric else 1
        assert sum(mine.values()) == 10_000 * windows
    assert len(found) < 50_000


async def test_the_stock_encoder_writes_the_same_lines(both):
    text, _ = both
    registry, families = CollectorRegistry(auto_describe=False), list(parse_text(text))
    kinds = {
        "gauge": GaugeMetricFamily,
        "counter": CounterMetricFamily,
        "histogram": HistogramMetricFamily,
        "unknown": UnknownMetricFamily,
        "info": InfoMetricFamily,
    }

    class Again:
        def collect(self):
            for family in families:
                again = kinds[family.type](family.name, family.documentation)
                again.samples = family.samples
                yield again

    registry.register(Again())
    assert samples(parse_text(generate_latest(registry).decode())) == samples(families)


@pytest.mark.prometheus
@pytest.mark.skipif(
    not shutil.which("promtool") and not os.environ.get("CI"), reason="needs promtool (Debian: prometheus)"
)
async def test_promtool_finds_nothing(both):
    promtool = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await promtool.communicate(both[0].encode())
    assert (promtool.returncode, said.decode()) == (0, "")


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ('application/openmetrics-text; version="1.0.0"', True),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            True,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            True,
        ),
        ("application/vnd.google.protobuf;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5", True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=x", False),
        ("application/openmetrics-text;q=0.1,text/plain;version=0.0.4;q=0.9", False),
        (";;;,,=;q=", False),
    ],
)
def test_the_format_is_negotiated(accept, openmetrics):
    assert negotiate(accept, "").openmetrics is openmetrics


@pytest.mark.parametrize(
    ("encoding", "zipped"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*, gzip;q=0", False),
        ("br", False),
    ],
)
def test_compression_is_negotiated(encoding, zipped):
    assert negotiate("", encoding).gzip is zipped


def test_gzip_is_the_same_body():
    process = Process()
    process.text = lambda _: ""
    blocks = Encoder(Rules()).encode(METRICS["cxstream_orphan_events"], [((), 7)])
    plain = body(blocks, process, OPENMETRICS)
    assert gzip.decompress(body(blocks, process, Form(openmetrics=True, gzip=True))) == plain
    assert plain.endswith(b"cxstream_orphan_events 7\n# EOF\n")


@given(st.one_of(st.integers(-(2**62), 2**62), st.floats()))
def test_any_value_can_be_read_back(value):
    text = number(value)
    assert math.isnan(float(text)) if math.isnan(value) else float(text) == float(value)
    next(iter(parse_openmetrics(f"# TYPE x gauge\nx {text}\n# EOF\n")))


def test_the_prefixes_kept_are_bounded_by_the_series_in_use():
    encoder, metric = Encoder(Rules()), METRICS["cxstream_last_event_timestamp_seconds"]
    for scrape_ in range(100):
        [(_, lines)] = encoder.encode(metric, [((f"source {scrape_} {i}",), 1.5) for i in range(10)])
        assert lines.count("\n") == 10
        assert len(encoder._lines[metric.name]) <= 120
