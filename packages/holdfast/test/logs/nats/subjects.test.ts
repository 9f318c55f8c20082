import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeToken, encodeToken, Subjects } from '../../../src/server/logs/nats/subjects.ts';

describe('subjects', () => {
  it('[AUTH-5] any name is one token, and comes back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (name) => {
        const token = encodeToken(name);
        expect(token).toMatch(/^[\w%-]+$/);
        expect(decodeToken(token)).toBe(name);
      }),
    );
  });

  it('[AUTH-5] names that differ have subjects that differ', () => {
    const names = [
      '',
      '%',
      '%25',
      'a',
      'A',
      'a.b',
      'a%2Eb',
      'a*',
      '>',
      ' ',
      '\t',
      '$inbox:a',
      '世界',
      'é',
      'e\u0301',
    ];
    expect(new Set(names.map(encodeToken)).size).toBe(names.length);
  });

  it('tells a topic’s subject from every other', () => {
    const subjects = new Subjects('my.app');
    expect(subjects.stream).toBe('my_app');
    expect(subjects.topicOf(subjects.topic('a.b'))).toBe('a.b');
    for (const other of [
      subjects.floor('t'),
      subjects.burnt('t'),
      subjects.control('key'),
      subjects.live('t'),
    ]) {
      expect(subjects.topicOf(other)).toBeUndefined();
    }
  });
});
