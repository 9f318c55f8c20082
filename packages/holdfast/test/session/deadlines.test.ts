import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../src/session/deadlines.ts';

describe('a table of deadlines', () => {
  it('gives the earliest, and takes those that are due in their order', () => {
    const deadlines = new Deadlines<'a' | 'b' | 'c'>();
    deadlines.set('a', 30);
    deadlines.set('b', 10);
    deadlines.set('c', 20);
    expect(deadlines.next()).toBe(10);
    expect(deadlines.takeDue(9)).toBeUndefined();
    expect([deadlines.takeDue(25), deadlines.takeDue(25), deadlines.takeDue(25)]).toEqual([
      'b',
      'c',
      undefined,
    ]);
    expect(deadlines.next()).toBe(30);
  });

  it('is due at its moment, not after it', () => {
    const deadlines = new Deadlines<'a'>();
    deadlines.set('a', 10);
    expect(deadlines.takeDue(10)).toBe('a');
    expect(deadlines.next()).toBe(Infinity);
  });

  it('keeps the last time that a deadline was set to', () => {
    const deadlines = new Deadlines<'a' | 'b'>();
    deadlines.set('a', 10);
    deadlines.set('a', 50);
    expect(deadlines.takeDue(20)).toBeUndefined();
    deadlines.set('b', 60);
    deadlines.delete('a');
    expect(deadlines.get('a')).toBeUndefined();
    expect(deadlines.next()).toBe(60);
    deadlines.clear();
    expect(deadlines.next()).toBe(Infinity);
  });
});
