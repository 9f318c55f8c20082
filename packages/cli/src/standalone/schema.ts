/** The part of JSON Schema that the HTTP API uses: to check what comes in, and to describe it. */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly oneOf?: readonly Schema[];
}

export function object(properties: Readonly<Record<string, Schema>>, required: readonly string[]): Schema {
  return { type: 'object', properties, required, additionalProperties: false };
}

export function array(items: Schema, maxItems?: number): Schema {
  return { type: 'array', items, ...(maxItems !== undefined && { maxItems }) };
}

export function string(maxLength: number, description?: string): Schema {
  return { type: 'string', minLength: 1, maxLength, ...(description !== undefined && { description }) };
}

export function integer(
  minimum: number,
  maximum: number = Number.MAX_SAFE_INTEGER,
  description?: string,
): Schema {
  return { type: 'integer', minimum, maximum, ...(description !== undefined && { description }) };
}

/** What is wrong with a value, as a sentence that says where; undefined when nothing is. */
export function wrongWith(value: unknown, schema: Schema, place = 'the body'): string | undefined {
  switch (schema.type) {
    case 'object':
      return wrongWithObject(value, schema, place);
    case 'array': {
      if (!Array.isArray(value)) return `${place} must be a list.`;
      if (value.length > (schema.maxItems ?? Infinity))
        return `${place} may have ${schema.maxItems} items at most.`;
      for (const [index, item] of value.entries()) {
        const wrong = wrongWith(item, schema.items!, `${place}[${index}]`);
        if (wrong) return wrong;
      }
      return undefined;
    }
    case 'string': {
      const { minLength = 0, maxLength = Infinity } = schema;
      const isText = typeof value === 'string' && value.length >= minLength && value.length <= maxLength;
      return isText ? undefined : `${place} must be a text of ${minLength} to ${maxLength} characters.`;
    }
    case 'integer': {
      const { minimum = 0, maximum = Infinity } = schema;
      const isWhole =
        Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum;
      return isWhole ? undefined : `${place} must be a whole number from ${minimum} to ${maximum}.`;
    }
    default:
      return undefined;
  }
}

function wrongWithObject(
  value: unknown,
  { properties = {}, required = [] }: Schema,
  place: string,
): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `${place} must be an object.`;
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${place} lacks "${missing}".`;
  for (const [name, inner] of Object.entries(value)) {
    if (!Object.hasOwn(properties, name))
      return `${place} has "${name}", which is not known; there are ${Object.keys(properties).join(', ')}.`;
    const wrong = wrongWith(inner, properties[name]!, `${place}.${name}`);
    if (wrong) return wrong;
  }
  return undefined;
}
