// Everything Temporal keeps about the workflows of a namespace, as text to search in.
import { Client, Connection } from '@temporalio/client';

const MAX_WORKFLOWS = 10_000;

export interface WorkflowHistory {
  readonly workflowId: string;
  readonly type: string;
  /** `COMPLETED`, `RUNNING` … */
  readonly status: string;
  /** Execution and history with every payload decoded. */
  readonly text: string;
}

export async function readHistories(
  address: string,
  namespace = 'default',
): Promise<readonly WorkflowHistory[]> {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection, namespace });
    const histories: WorkflowHistory[] = [];
    for await (const execution of client.workflow.list({ pageSize: 200 })) {
      if (histories.length >= MAX_WORKFLOWS) throw new Error(`More than ${MAX_WORKFLOWS} workflows`);
      const { workflowId, runId, type, status } = execution;
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      histories.push({ workflowId, type, status: status.name, text: readable([execution.raw, history]) });
    }
    return histories;
  } finally {
    await connection.close();
  }
}

/** Every text in a message of Temporal's, one a line. Its own JSON form would show payloads as base64. */
function readable(value: unknown): string {
  if (typeof value === 'string') return `${value}\n`;
  if (value instanceof Uint8Array) return `${Buffer.from(value).toString('utf8')}\n`;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([key, field]) => readable(key) + readable(field))
    .join('');
}
