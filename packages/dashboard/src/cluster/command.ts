import { nodeNames, type ClusterCommand } from './events.ts';

const actions = ['kill', 'cut-off', 'pause-log'] as const;

/** Reads the body of a control request; a text says what was wrong with it. */
export function parseClusterCommand(body: string): ClusterCommand | string {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return 'The body is not JSON. Send for example {"action":"kill","node":"A"}.';
  }
  if (typeof given !== 'object' || given === null)
    return 'Send an object such as {"action":"kill","node":"A"}.';
  const fields = given as { action?: unknown; node?: unknown; on?: unknown };
  const action = actions.find((name) => name === fields.action);
  if (!action) return `"action" must be one of: ${actions.join(', ')}.`;
  const node = nodeNames.find((name) => name === fields.node);
  if (action !== 'pause-log' && !node)
    return `"${action}" is done to a node: "node" must be ${nodeNames.join(' or ')}.`;
  if (action === 'kill') return { action, node: node! };
  const { on } = fields;
  if (typeof on !== 'boolean')
    return `"${action}" lasts, so say whether it begins or ends: "on": true or false.`;
  return action === 'pause-log' ? { action, on } : { action, node: node!, on };
}
