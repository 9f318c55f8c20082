import { describe, expect, it } from 'vitest';
import { parseCommand, refusalOfControl } from '../src/supervisor/command.ts';

describe('the control endpoint', () => {
  const own = { host: 'localhost:8080', origin: 'http://localhost:8080', contentType: 'application/json' };

  it('lets its own page and a command line in', () => {
    expect(refusalOfControl(own, 8_080)).toBeUndefined();
    expect(refusalOfControl({ ...own, host: '127.0.0.1:8080', origin: undefined }, 8_080)).toBeUndefined();
    expect(refusalOfControl({ ...own, host: 'localhost', origin: 'http://localhost' }, 80)).toBeUndefined();
  });

  it.each([
    ['a page of another site', { origin: 'https://evil.example' }, 403],
    ['a page of another port', { origin: 'http://localhost:8081' }, 403],
    ['a page without an origin, such as a sandboxed frame', { origin: 'null' }, 403],
    ['a foreign name that leads here', { host: 'evil.example:8080' }, 403],
    ['a request without a host', { host: undefined }, 403],
    ['a form', { contentType: 'text/plain' }, 415],
    ['no content type', { contentType: undefined }, 415],
  ])('keeps out %s', (_who, change, status) => {
    expect(refusalOfControl({ ...own, ...change }, 8_080)).toMatchObject({ status });
  });

  it('reads commands', () => {
    expect(parseCommand('{"action":"cut"}')).toEqual({ action: 'cut' });
    expect(parseCommand('{"action":"cut","on":true}')).toEqual({ action: 'cut' });
    expect(parseCommand('{"action":"cut-mid-frame"}')).toEqual({ action: 'cut-mid-frame' });
    expect(parseCommand('{"action":"latency","on":false}')).toEqual({ action: 'latency', on: false });
  });

  it.each([
    ['', /not JSON/],
    ['null', /object/],
    ['"cut"', /object/],
    ['{}', /"action" must be one of: cut/],
    ['{"action":"toString"}', /"action" must be one of/],
    ['{"action":"latency"}', /"on": true or false/],
    ['{"action":"latency","on":1}', /"on": true or false/],
  ])('says what is wrong with %j', (body, text) => {
    expect(parseCommand(body)).toMatch(text);
  });
});
