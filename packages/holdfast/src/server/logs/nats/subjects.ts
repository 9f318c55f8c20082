/**
 * The subjects of one deployment. Those below `t`, `floor`, `burnt` and `control` are kept in the stream; `live` is
 * what the stream republishes, and `between` what nodes tell each other.
 */
export class Subjects {
  readonly stream: string;
  readonly kept: readonly string[];
  readonly allTopics: string;
  readonly allLive: string;
  readonly allBurnt: string;
  readonly between: string;
  private readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
    this.stream = prefix.replaceAll('.', '_');
    this.kept = ['t', 'floor', 'burnt', 'control'].map((kind) => `${prefix}.${kind}.*`);
    this.allTopics = `${prefix}.t.*`;
    this.allLive = `${prefix}.live.*`;
    this.allBurnt = `${prefix}.burnt.*`;
    this.between = `${prefix}.between`;
  }

  topic(name: string): string {
    return `${this.prefix}.t.${encodeToken(name)}`;
  }

  /** The topic of a subject below `t`; undefined for every other subject. */
  topicOf(subject: string): string | undefined {
    const start = `${this.prefix}.t.`;
    return subject.startsWith(start) ? decodeToken(subject.slice(start.length)) : undefined;
  }

  live(name: string): string {
    return `${this.prefix}.live.${encodeToken(name)}`;
  }

  floor(name: string): string {
    return `${this.prefix}.floor.${encodeToken(name)}`;
  }

  burnt(session: string): string {
    return `${this.prefix}.burnt.${encodeToken(session)}`;
  }

  control(name: 'epoch' | 'key' | 'deployment'): string {
    return `${this.prefix}.control.${name}`;
  }
}

/**
 * Any name as one token of a subject, which may hold no dots, wildcards or white space: letters, digits, - and _ stand
 * for themselves, all else is percent-encoded, so that operators can still read what they see.
 */
export function encodeToken(name: string): string {
  // A token of no characters is none.
  if (name === '') return '%';
  return encodeURIComponent(name).replace(
    /[.!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function decodeToken(token: string): string {
  return token === '%' ? '' : decodeURIComponent(token);
}
