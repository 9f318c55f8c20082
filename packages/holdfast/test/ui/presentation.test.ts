import { describe, expect, it } from 'vitest';
import { present, type Outlook, type ShownStatus, type View } from '../../src/ui/presentation.ts';
import { english } from '../../src/ui/wording.ts';

const start = 1_000_000;

/** A status that changes over time, and who looks at it whenever the presentation asks to. */
class Scene {
  outlook: Outlook = { name: 'new' };
  status: ShownStatus = { phase: 'connecting', since: start };
  nowMs = start;
  wokeAtMs = -Infinity;
  view: View = { name: 'nothing' };
  nextMs: number | undefined;
  /** Each view that was new, and when it came. */
  readonly seen: [afterMs: number, View['name']][] = [];

  constructor() {
    this.look();
  }

  becomes(phase: string, more: Partial<ShownStatus> = {}): this {
    this.status = { phase, since: this.nowMs, ...more };
    this.look();
    return this;
  }

  pass(durationMs: number): this {
    const endMs = this.nowMs + durationMs;
    while (this.nextMs !== undefined && this.nextMs <= endMs) {
      expect(this.nextMs, 'a look is never due in the past').toBeGreaterThan(this.nowMs);
      this.nowMs = this.nextMs;
      this.look();
    }
    this.nowMs = endMs;
    return this;
  }

  wake(): this {
    this.wokeAtMs = this.nowMs;
    this.look();
    return this;
  }

  private look(): void {
    const { outlook, view, nextMs } = present(this.outlook, this.status, this.nowMs, this.wokeAtMs);
    if (view.name !== this.view.name) this.seen.push([this.nowMs - start, view.name]);
    Object.assign(this, { outlook, view, nextMs });
  }
}

const live = (): Scene => new Scene().becomes('live');

describe('when something is shown', () => {
  it('nothing for 1.5 s, then quietly, then at 10 s a banner', () => {
    const scene = live().becomes('waiting').pass(60_000);
    expect(scene.seen).toEqual([
      [1_500, 'quiet'],
      [10_000, 'banner'],
    ]);
  });

  it('counts an outage from its beginning, whatever phases it goes through', () => {
    const scene = live().becomes('suspect').pass(1_000).becomes('connecting').pass(499);
    expect(scene.view.name).toBe('nothing');
    expect(scene.pass(1).view.name).toBe('quiet');
    for (const phase of ['waiting', 'connecting', 'offline', 'waiting']) scene.pass(2_000).becomes(phase);
    expect(scene.pass(1_000).seen.at(-1)).toEqual([10_000, 'banner']);
  });

  it('counts from when the phase began if it first looks later', () => {
    const status = { phase: 'waiting', since: start - 20_000 };
    expect(present({ name: 'new' }, status, start).view.name).toBe('banner');
  });

  it('says "connecting" while there was never a connection', () => {
    expect(new Scene().pass(1_500).view).toEqual({ name: 'quiet', isFirst: true });
    expect(live().becomes('waiting').pass(1_500).view).toEqual({ name: 'quiet', isFirst: false });
  });

  it('waits 4 s after a wake-up, and 10 s for the banner, however long ago it broke', () => {
    const scene = live().becomes('waiting').pass(3_600_000).wake();
    expect(scene.view.name).toBe('nothing');
    expect(scene.pass(60_000).seen.slice(-3)).toEqual([
      [3_600_000, 'nothing'],
      [3_604_000, 'quiet'],
      [3_610_000, 'banner'],
    ]);
  });

  it.each(['draining', 'closed'])('nothing for %s', (phase) => {
    expect(live().becomes(phase).pass(60_000).seen).toEqual([]);
  });

  it('a failure at once', () => {
    const cause = { code: 'unauthorized', text: '' };
    expect(live().becomes('failed', { cause }).view).toMatchObject({ name: 'banner', trouble: 'signedOut' });
  });
});

describe('when it is back', () => {
  it('says so for 2 s after a banner', () => {
    const scene = live().becomes('waiting').pass(12_000).becomes('live').pass(10_000);
    expect(scene.seen.slice(-2)).toEqual([
      [12_000, 'back'],
      [14_000, 'nothing'],
    ]);
  });

  it('says nothing when no banner was shown, or it was forgotten while nobody looked', () => {
    const quiet = live().becomes('waiting').pass(9_999).becomes('live').pass(10_000);
    expect(quiet.seen.map(([, name]) => name)).toEqual(['quiet', 'nothing']);
    const slept = live().becomes('waiting').pass(30_000).wake().pass(2_000).becomes('live').pass(10_000);
    expect(slept.seen.map(([, name]) => name)).toEqual(['quiet', 'banner', 'nothing']);
  });

  it('begins anew when it breaks again meanwhile', () => {
    const scene = live().becomes('waiting').pass(12_000).becomes('live').pass(500).becomes('waiting');
    expect(scene.view.name).toBe('nothing');
    expect(scene.pass(1_500).view.name).toBe('quiet');
  });
});

describe('the banner', () => {
  it('counts what waits to be sent or confirmed', () => {
    const scene = live().becomes('waiting', { queued: 2, unacknowledged: 1 }).pass(10_000);
    expect(scene.view).toMatchObject({ waiting: 3, action: 'retry' });
  });

  it('counts down from a wait of 5 s and more, by whole seconds', () => {
    const scene = live().becomes('waiting').pass(10_000);
    scene.becomes('waiting', { retryAt: scene.nowMs + 7_400 });
    const shown: unknown[] = [];
    for (let n = 0; n < 40; n++) {
      if (scene.view.name === 'banner') shown.push(scene.view.retryInS);
      scene.pass(100);
    }
    expect([...new Set(shown)]).toEqual([8, 7, 6, 5, undefined]);
    expect(scene.nextMs).toBeUndefined();
  });

  it('has no countdown for a shorter wait', () => {
    const scene = live().becomes('waiting').pass(10_000);
    scene.becomes('waiting', { retryAt: scene.nowMs + 4_999 });
    expect(scene.view).toMatchObject({ retryInS: undefined });
  });

  it.each([
    ['offline', 'lost', 'offline', 'retry'],
    ['waiting', 'lost', 'unknown', 'retry'],
    ['waiting', 'unreachable', 'unknown', 'retry'],
    ['suspect', 'half-open', 'network', 'retry'],
    ['waiting', 'overloaded', 'server', 'retry'],
    ['waiting', 'http-503', 'server', 'retry'],
    ['waiting', 'http-429', 'server', 'retry'],
    ['waiting', 'http-404', 'app', 'retry'],
    ['waiting', 'http-401', 'signedOut', 'signIn'],
    ['waiting', 'tab-frozen', 'unknown', 'retry'],
    ['failed', 'unauthorized', 'signedOut', 'signIn'],
    ['failed', 'superseded', 'elsewhere', 'takeBack'],
    ['failed', 'ended-by-server', 'ended', 'reload'],
    ['failed', 'unsupported-version', 'outdated', 'reload'],
    ['failed', 'who knows', 'app', 'retry'],
  ])('in phase %s with cause %s says %s and offers %s', (phase, code, trouble, action) => {
    const scene = live()
      .becomes(phase, { cause: { code, text: '' } })
      .pass(10_000);
    expect(scene.view).toMatchObject({ name: 'banner', trouble, action });
  });
});

describe('the wording', () => {
  it('tells network, server and app apart', () => {
    expect(english.network).toContain('Your network');
    expect(english.server).toContain('Our server');
    expect(english.app).toContain('The app');
  });

  it('counts in words that fit', () => {
    expect([english.waiting(1), english.waiting(2)]).toEqual([
      '1 change waits to be sent.',
      '2 changes wait to be sent.',
    ]);
  });
});
