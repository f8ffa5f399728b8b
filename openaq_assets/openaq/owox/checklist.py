"""Steps to do by hand in Data Studio, with the exact values of this project."""

from collections.abc import Iterator

from openaq_assets.openaq.owox.plan import Plan
from openaq_assets.project.project import Project

#: Data type, concept and default aggregation that Data Studio receives for an Athena type.
RECEIVED = {
    **dict.fromkeys(("double", "bigint", "integer"), "NUMBER metric sum"),
    **dict.fromkeys(("varchar", "date", "timestamp"), "STRING dimension"),
    "boolean": "BOOLEAN dimension",
}


def checklist(project: Project, plan: Plan) -> Iterator[str]:
    """Yield the steps as Markdown lines: data sources, field types, charts, and the swap from dev to prod."""
    sources = [mart.source for mart in plan.data_marts.values()]
    yield f"# {plan.report}: by hand in Data Studio"
    yield ""
    yield "## 1. Data sources"
    for name, mart in plan.data_marts.items():
        view = f"{project.environments[name].database}.{plan.view}"
        yield f"- [ ] `{mart.source}`: connector OWOX Data Marts, Data Mart `{mart.title}` (`{view}`)"
    yield "- [ ] In each: data freshness 1 hour, credentials: owner's."
    yield ""
    yield f"## 2. Fields, the same in {' and '.join(f'`{source}`' for source in sources)}"
    yield "| field | comes as | set type to | default aggregation |"
    yield "|---|---|---|---|"
    yield from _fields(project, plan)
    yield ""
    yield "## 3. Charts"
    for chart in plan.charts:
        condition = f", filter `{chart.filter}` = true" if chart.filter else ""
        fields = ", ".join(f"`{name}`" for name in chart.fields)
        yield f"- [ ] {chart.title} ({chart.type}): {fields}{condition}. {chart.notes}".rstrip()
    yield ""
    yield "## 4. From dev to prod"
    yield from _swap(sources)


def _fields(project: Project, plan: Plan) -> Iterator[str]:
    types = {str(column.name): column.type for column in project.graph.columns(plan.view)}
    for name, field in plan.fields.items():
        comes = RECEIVED.get(types.get(name, ""), "")
        yield f"| `{name}` | {comes} | {field.type} | {field.aggregation} |"


def _swap(sources: list[str]) -> Iterator[str]:
    first, *rest = sources
    other = rest[0] if rest else first
    yield f"- [ ] `openaq-assets owox check` is green: `{other}` answers with the schema of `{first}`."
    yield f"- [ ] Open `{first}`, *Edit connection*, choose the Data Mart of `{other}`, *Reconnect*:"
    yield "      it keeps field ids, types and aggregations; no field may be reported as changed."
    yield f"- [ ] Or, page by page, *Replace data source* `{first}` by `{other}`, and look at every filter:"
    yield "      Data Studio maps fields by id and name, and does not map those in filters."
    yield "- [ ] No calculated fields: what is computed is in the view, the same in both environments."
