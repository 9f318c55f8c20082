import { describe, expect, it } from 'vitest';
import { parseClusterCommand } from '../src/cluster/command.ts';

describe('the control endpoint of the cluster', () => {
  it('reads commands', () => {
    expect(parseClusterCommand('{"action":"kill","node":"A","on":1}')).toEqual({ action: 'kill', node: 'A' });
    expect(parseClusterCommand('{"action":"cut-off","node":"B","on":true}')).toEqual({
      action: 'cut-off',
      node: 'B',
      on: true,
    });
    expect(parseClusterCommand('{"action":"pause-log","on":false}')).toEqual({
      action: 'pause-log',
      on: false,
    });
  });

  it.each([
    ['', /not JSON/],
    ['7', /object/],
    ['{}', /"action" must be one of: kill/],
    ['{"action":"kill"}', /"node" must be A or B/],
    ['{"action":"kill","node":"C"}', /"node" must be A or B/],
    ['{"action":"cut-off","node":"A"}', /"on": true or false/],
    ['{"action":"pause-log","on":"yes"}', /"on": true or false/],
  ])('says what is wrong with %j', (body, text) => {
    expect(parseClusterCommand(body)).toMatch(text);
  });
});
