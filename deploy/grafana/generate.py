"""Generate the dashboard with ``python deploy/grafana/generate.py``; a test keeps the JSON current."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, StackingMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

OUTPUT = Path(__file__).with_name("dashboards") / "evalstream.json"

#: By its provisioned uid, so that the dashboard works as it is.
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
#: What the template variables choose.
RUN = 'dataset=~"$dataset", run=~"$run"'
WIDTH = 24


def query(expr: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """Ask Prometheus for lines."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(ref).datasource(SOURCE).range()


def lines(
    title: str, description: str, unit: str, *queries: tuple[str, str], span: int = WIDTH // 3
) -> timeseries.Panel:
    """Draw queries, each an expression and its legend, over time."""
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .span(span)
        .height(8)
        .datasource(SOURCE)
        .fill_opacity(8)
        .legend(legend.show_legend(True))
    )
    for number, (expr, text) in enumerate(queries):
        panel = panel.with_target(query(expr, text, chr(ord("A") + number)))
    return panel


def score(name: str, title: str) -> timeseries.Panel:
    """Draw one score of each chosen run."""
    expr = f'max by (dataset, run) (evalstream_run_score{{{RUN}, score="{name}"}})'
    about = "Of what is matched so far, at the default thresholds: read it beside the pending rows."
    return lines(title, about, "percentunit", (expr, "{{dataset}} / {{run}}"), span=WIDTH // 3).max(1)


def number(title: str, description: str, expr: str, legend: str = "") -> stat.Panel:
    """Show the latest values."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .span(WIDTH // 4)
        .height(4)
        .datasource(SOURCE)
        .with_target(query(expr, legend))
    )


def freshness_heatmap() -> heatmap.Panel:
    """Show how freshness is spread, not only its quantiles."""
    expr = "sum by (le) (increase(evalstream_freshness_seconds_bucket[$__rate_interval]))"
    return (
        heatmap.Panel()
        .title("Freshness, all events")
        .description("How many events took how long.")
        .span(WIDTH // 3)
        .height(8)
        .datasource(SOURCE)
        .calculate(False)  # the buckets are Prometheus' own
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .with_target(query(expr, "{{le}}").format(PromQueryFormat.HEATMAP))
    )


def chooser(name: str, label: str, values: str) -> dashboard.QueryVariable:
    """Let the reader choose among the values of a label."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(values)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def build() -> dashboard.Dashboard:
    """Put the dashboard together."""
    return (
        dashboard.Dashboard("evalstream: pipeline and model quality")
        .uid("evalstream")
        .description("Whether events get through, how fast, and how good the runs are.")
        .tags(["evalstream"])
        .refresh("15s")
        .time("now-1h", "now")
        .timezone("browser")
        .readonly()
        .link(
            dashboard.DashboardLink("Alerts").type(DashboardLinkType.LINK).url("/alerting/list").tooltip("what fires")
        )
        .with_variable(chooser("dataset", "Dataset", "label_values(evalstream_rows_pending, dataset)"))
        .with_variable(chooser("run", "Run", 'label_values(evalstream_rows_pending{dataset=~"$dataset"}, run)'))
        .with_row(dashboard.Row("Pipeline health"))
        .with_panel(number("Up", "Processes that answer.", "evalstream:services_up:sum", "{{job}}"))
        .with_panel(number("Ready", "Processes that may be sent work.", "sum by (job) (evalstream_ready)", "{{job}}"))
        .with_panel(number("Rows pending", "Not up to date, all runs.", "sum(evalstream:rows_pending:max)"))
        .with_panel(number("Rows failed", "Could not be matched, all runs.", "sum(evalstream:rows_failed:max)"))
        .with_panel(
            lines(
                "Events",
                "What came in, and what became of it.",
                "eps",
                ("sum by (kind, outcome) (rate(evalstream_events_total[$__rate_interval]))", "{{kind}} {{outcome}}"),
            ).stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        )
        .with_panel(
            lines(
                "Rejected",
                "Share of the events that could not be read. Rising: a producer's bug.",
                "percentunit",
                ("evalstream:events_rejected:ratio5m", "{{kind}}"),
            )
        )
        .with_panel(
            lines(
                "Consumer lag",
                "Records not yet handled. Growing without end: too few consumers.",
                "short",
                ("evalstream:consumer_lag_records:sum", "{{topic}}"),
            )
        )
        .with_panel(
            lines(
                "Freshness",
                "From an event accepted to its figures; the aim is a p99 of 2 s.",
                "s",
                ("evalstream:freshness_seconds:p50", "p50"),
                ("evalstream:freshness_seconds:p95", "p95"),
                ("evalstream:freshness_seconds:p99", "p99"),
            )
        )
        .with_panel(freshness_heatmap())
        .with_panel(
            lines(
                "Batch time",
                "By stage, storage included: where the time goes.",
                "s",
                ("evalstream:batch_seconds:p95", "{{stage}} p95"),
                (
                    "sum by (stage) (rate(evalstream_batch_seconds_sum[$__rate_interval]))"
                    " / sum by (stage) (rate(evalstream_batch_seconds_count[$__rate_interval]))",
                    "{{stage}} mean",
                ),
            )
        )
        .with_panel(
            lines(
                "Insert time",
                "Mean time for ClickHouse to put a batch on disk, by table. When it grows, everything behind it waits.",
                "s",
                (
                    "sum by (table) (rate(evalstream_insert_seconds_sum[$__rate_interval]))"
                    " / sum by (table) (rate(evalstream_insert_seconds_count[$__rate_interval]))",
                    "{{table}}",
                ),
            )
        )
        .with_panel(
            lines(
                "Batch size",
                "Mean records a batch. Many small batches: overhead dominates.",
                "short",
                (
                    "sum by (stage) (rate(evalstream_batch_records_sum[$__rate_interval]))"
                    " / sum by (stage) (rate(evalstream_batch_records_count[$__rate_interval]))",
                    "{{stage}}",
                ),
            )
        )
        .with_panel(
            lines(
                "Retries",
                "Attempts repeated, and commits refused after a rebalance, a second.",
                "short",
                ("sum by (stage) (rate(evalstream_retries_total[$__rate_interval]))", "{{stage}} retries"),
                ("sum by (job) (rate(evalstream_commits_refused_total[$__rate_interval]))", "{{job}} commits refused"),
            )
        )
        .with_panel(
            lines(
                "Dead letters",
                "Records that could not be read, in 15 minutes.",
                "short",
                ("evalstream:dead_letters:increase15m", "{{source}}"),
            )
        )
        .with_panel(
            lines(
                "Requests",
                "Of users, by status.",
                "reqps",
                ("sum by (job, status) (evalstream:http_requests:rate5m)", "{{job}} {{status}}"),
            )
        )
        .with_panel(
            lines(
                "Load",
                "Requests turned away with 429, and questions answered together with an equal one.",
                "reqps",
                (
                    "sum by (job, kind) (rate(evalstream_requests_shed_total[$__rate_interval]))",
                    "{{job}} {{kind}} shed",
                ),
                ("sum by (job) (rate(evalstream_questions_joined_total[$__rate_interval]))", "{{job}} joined"),
            )
        )
        .with_panel(
            lines(
                "Time to answer (p95)", "By route.", "s", ("evalstream:http_request_seconds:p95", "{{job}} {{route}}")
            )
        )
        .with_panel(
            lines(
                "Time since the last batch",
                "Growing while there is lag: stuck.",
                "s",
                (
                    "time() - max by (job, instance, stage) (evalstream_last_batch_timestamp_seconds)",
                    "{{stage}} {{instance}}",
                ),
            )
        )
        .with_row(dashboard.Row("Model quality"))
        .with_panel(score("precision", "Precision"))
        .with_panel(score("recall", "Recall"))
        .with_panel(score("f1", "F1"))
        .with_panel(
            lines(
                "Rows pending",
                "Whose events the scores do not reflect yet.",
                "short",
                (f"max by (dataset, run) (evalstream_rows_pending{{{RUN}}})", "{{dataset}} / {{run}}"),
                span=WIDTH // 2,
            )
        )
        .with_panel(
            lines(
                "Rows failed",
                "Which the scores leave out.",
                "short",
                (f"max by (dataset, run) (evalstream_rows_failed{{{RUN}}})", "{{dataset}} / {{run}}"),
                span=WIDTH // 2,
            )
        )
    )


def generate() -> str:
    """Return the dashboard as JSON."""
    built = build().build()
    for number, panel in enumerate(built.panels or [], 1):
        panel.id_val = number  # links to a panel go by it
    return JSONEncoder(sort_keys=True, indent=2).encode(built) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(generate(), encoding="utf-8")
