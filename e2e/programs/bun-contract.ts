// What a server on Bun must do, for `bun test`.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect } from 'holdfast/client';
import { createServer } from 'holdfast/server/bun';
import { bunEngine } from '../../packages/holdfast/src/server/engines/bun.ts';
import { describeEngine } from '../../packages/holdfast/src/testing/contracts/engine-contract.ts';

describeEngine('bun', (host) => bunEngine(host, undefined), {
  describe,
  it: (title, body) => it(title, { timeout: 30_000 }, body),
});

describe('createServer on Bun', () => {
  it('leaves to the application what is not at its path', async () => {
    const server = createServer({
      logger: false,
      path: '/live',
      fetch: (request) => new Response(`You asked for ${new URL(request.url).pathname}.`),
    });
    const { port } = await server.listen(0, '127.0.0.1');
    const answer = await fetch(`http://127.0.0.1:${port}/other`);
    assert.equal(await answer.text(), 'You asked for /other.');
    const client = connect(`ws://127.0.0.1:${port}/live`);
    assert.deepEqual(typeof (await client.publish('news', 1)).offset, 'number');
    await client.close();
    await server.close();
  });

  it('says what to do instead of attach()', async () => {
    const server = createServer({ logger: false });
    await assert.rejects(server.attach({} as never), /"fetch"/);
    await server.close();
  });
});
