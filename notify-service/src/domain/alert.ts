export const alertStatuses = ['firing', 'resolved'] as const;
export type AlertStatus = (typeof alertStatuses)[number];

/** One occurrence of an alert: it began, was told of again and again, and ended or goes on. */
export interface Alert {
  id: string;
  /** Of its labels, as Alertmanager makes it: the same alert has it each time. */
  fingerprint: string;
  startsAt: Date;
  name: string;
  severity: string;
  status: AlertStatus;
  summary: string;
  description: string;
  runbookUrl: string;
  labels: Record<string, string>;
  /** Null while it fires. */
  endsAt: Date | null;
  /** When we heard of it for the first and for the last time. */
  receivedAt: Date;
  updatedAt: Date;
}

/** What Alertmanager says of one. */
export interface AlertReport {
  status: AlertStatus;
  fingerprint: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: Date;
  endsAt: Date;
}

const longest = { name: 200, severity: 32, summary: 500, description: 2_000, runbookUrl: 500 };

/** The inbox wants to know of every alert: a text that is too long for its column is cut, not refused. */
export function createAlert(report: AlertReport, { id, now }: { id: string; now: Date }): Alert {
  const { status, fingerprint, labels, annotations, startsAt, endsAt } = report;
  return {
    id,
    fingerprint,
    startsAt,
    name: fit(labels['alertname'], longest.name),
    severity: fit(labels['severity'], longest.severity),
    status,
    summary: fit(annotations['summary'], longest.summary),
    description: fit(annotations['description'], longest.description),
    runbookUrl: fit(annotations['runbook_url'], longest.runbookUrl),
    labels,
    endsAt: status === 'resolved' ? endsAt : null,
    receivedAt: now,
    updatedAt: now,
  };
}

const fit = (text = '', length: number): string => [...text].slice(0, length).join('');
