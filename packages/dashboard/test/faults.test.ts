import { faultDescriptions, parseFaults } from '@holdfast/chaos';
import { describe, expect, it } from 'vitest';
import { pageFaults, rivalsOf, without } from '../src/supervisor/faults.ts';

describe('the faults of the page', () => {
  it('are faults that the proxy takes, and all that it has', () => {
    const used = Object.values(pageFaults).flatMap(({ faults }) => Object.keys(parseFaults(faults)));
    expect(new Set(used)).toEqual(new Set(Object.keys(faultDescriptions)));
  });

  it('take turns where they want the same of the proxy', () => {
    expect(rivalsOf('black-hole')).toEqual(['black-hole-up', 'black-hole-down']);
    expect(rivalsOf('jitter')).toEqual([]);
  });

  it('are taken away by name', () => {
    expect(without({ latencyMs: 5 })).toEqual({ latencyMs: undefined });
  });
});
