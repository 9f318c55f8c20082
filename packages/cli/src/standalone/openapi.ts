import { routes, type Route } from './routes.ts';
import { object, string } from './schema.ts';

const error = object({ code: string(64), text: string(1_024) }, ['code', 'text']);
const json = (schema: unknown): unknown => ({ 'application/json': { schema } });

/** The HTTP API, as OpenAPI 3.1: served at /openapi.json. */
export function openApi(): unknown {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: '0.1.0',
      description: 'What a backend asks of a standalone Holdfast server. Keep it to your own network.',
      license: { name: 'MIT' },
    },
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    security: [{ key: [] }],
    paths: Object.fromEntries(
      routes.map((route) => [route.path, { [route.method.toLowerCase()]: operation(route) }]),
    ),
  };
}

function operation({ path, summary, method, input, output }: Route): unknown {
  const { properties = {}, required = [] } = input;
  const parameters = Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
  return {
    operationId: path.slice(1),
    summary,
    ...(method === 'GET' ? { parameters } : { requestBody: { required: true, content: json(input) } }),
    responses: {
      200: { description: 'Done.', content: json(output) },
      400: { description: 'What is wrong with what was given.', content: json(error) },
      401: { description: 'The key is missing or wrong.', content: json(error) },
      503: { description: 'The log can’t be used now; try again.', content: json(error) },
      507: { description: 'The log has no room; nothing was kept.', content: json(error) },
    },
  };
}
