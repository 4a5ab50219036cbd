// The few things of Grafana's dashboard model that ours are made of (grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model).

/** One curve or number: PromQL and its legend. */
export interface Query {
  readonly expr: string;
  readonly legend?: string;
}

/** One panel; `unit` is Grafana's id (`reqps`, `ms`, `Bps`, `percentunit`, `short`). */
export interface Panel {
  readonly title: string;
  readonly kind: 'timeseries' | 'stat' | 'table';
  readonly unit: string;
  readonly queries: readonly Query[];
  readonly description?: string;
}

/** A variable whose values are those of a label. */
export interface Variable {
  readonly name: string;
  readonly label: string;
  /** PromQL selector whose series have `label`. */
  readonly of: string;
}

/** A dashboard; panels stand in rows of three. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly variables: readonly Variable[];
  readonly panels: readonly Panel[];
}

/** A third of Grafana's 24 columns, and a height that shows a curve. */
const width = 8;
const height = 7;
const datasource = { type: 'prometheus', uid: 'periplus-prometheus' };

/** The dashboard as Grafana reads it. */
export function dashboardJson({ uid, title, variables, panels }: Dashboard): object {
  return {
    uid,
    title,
    tags: ['periplus'],
    schemaVersion: 39,
    editable: true,
    refresh: '15s',
    time: { from: 'now-30m', to: 'now' },
    templating: { list: variables.map(variableJson) },
    panels: panels.map(panelJson),
  };
}

function variableJson({ name, label, of }: Variable): object {
  const query = `label_values(${of}, ${label})`;
  return {
    name,
    type: 'query',
    datasource,
    query,
    definition: query,
    refresh: 2,
    sort: 1,
    multi: false,
    includeAll: false,
  };
}

function panelJson({ title, kind, unit, queries, description }: Panel, index: number): object {
  return {
    id: index + 1,
    title,
    type: kind,
    ...(description ? { description } : {}),
    datasource,
    gridPos: { w: width, h: height, x: (index % 3) * width, y: Math.floor(index / 3) * height },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource,
      expr,
      ...(legend ? { legendFormat: legend } : {}),
      ...(kind === 'table' ? { instant: true, format: 'table' } : {}),
    })),
  };
}
