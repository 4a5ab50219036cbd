// What the four Bookinfo services share: an HTTP server with routes, calls to other services, trace headers, health, metrics.
import { Agent, createServer, request } from 'node:http';

/**
 * Headers that a service passes on with the calls it makes for a request, so that a trace stays one
 * (istio.io/latest/docs/tasks/observability/distributed-tracing/overview) and routing can tell users apart.
 */
const passedOn =
  'x-request-id traceparent tracestate baggage b3 x-b3-traceid x-b3-spanid x-b3-parentspanid x-b3-sampled x-b3-flags ' +
  'x-ot-span-context x-cloud-trace-context grpc-trace-bin sw8 end-user user-agent authorization';

/** Where the service listens and how it reaches others; set by whoever starts it. */
export const settings = {
  host: process.env.HOST ?? '0.0.0.0',
  port: Number(process.env.PORT ?? 9080),
  version: process.env.VERSION ?? 'v1',
  instance: process.env.INSTANCE ?? process.env.HOSTNAME ?? 'local',
  /** Base URL of the sidecar's outbound listener; absent where names such as `reviews` resolve and traffic is captured. */
  outbound: process.env.OUTBOUND,
};

const connections = new Agent({ keepAlive: true });

/**
 * GETs JSON from another service.
 * @param {string} service its name, such as `reviews`
 * @param {string} path
 * @param {{ headers: Record<string, string | string[] | undefined> }} forRequest whose trace headers go along
 * @returns {Promise<{ status: number, body: any }>} status 503 when it can't be reached in 3 s; body undefined when not JSON
 */
export function call(service, path, forRequest) {
  const url = new URL(path, settings.outbound ?? `http://${service}:9080`);
  const headers = { host: `${service}:9080`, accept: 'application/json' };
  for (const name of passedOn.split(' '))
    if (forRequest.headers[name] !== undefined) headers[name] = forRequest.headers[name];
  return new Promise((resolve) => {
    const outgoing = request(url, { headers, agent: connections, timeout: 3_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('error', () => resolve({ status: 503, body: undefined }));
      response.on('end', () => resolve({ status: response.statusCode ?? 503, body: parseJson(text) }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 3 s')));
    outgoing.on('error', () => resolve({ status: 503, body: undefined }));
    outgoing.end();
  });
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Serves `routes`: pairs of a pattern over the path and a handler `(request, response, match)`. `/health` and `/metrics` are
 * there in every service. Stops on SIGTERM and SIGINT, after the requests in flight.
 * @param {string} app the service's name
 * @param {[RegExp, Function][]} routes
 */
export function serve(app, routes) {
  const counts = new Map();
  const all = [
    [/^\/health$/, (_, response) => sendJson(response, 200, { status: `${app} is healthy` })],
    [/^\/metrics$/, (_, response) => send(response, 200, metricsText(app, counts), 'text/plain; version=0.0.4')],
    ...routes,
  ];
  // oxlint-disable-next-line typescript/no-misused-promises -- a failure here ends the app, as it should
  const server = createServer(async (incoming, response) => {
    response.on('finish', () => counts.set(response.statusCode, (counts.get(response.statusCode) ?? 0) + 1));
    const path = (incoming.url ?? '/').split('?')[0];
    const found = all.find(([pattern]) => pattern.test(path));
    try {
      if (found) await found[1](incoming, response, found[0].exec(path));
      else sendJson(response, 404, { error: `${app} has nothing at ${path}` });
    } catch (error) {
      if (!response.headersSent) sendJson(response, 500, { error: String(error) });
    }
  });
  // Longer than Envoy keeps an idle connection (1 h): otherwise it may send a request just as we hang up.
  server.keepAliveTimeout = 3_700_000;
  server.listen(settings.port, settings.host, () =>
    console.log(`${app} ${settings.version} on ${settings.host}:${settings.port}`),
  );
  server.on('error', (error) => {
    console.error(`${app}: ${error.message}`);
    process.exit(1);
  });
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop(server));
}

function stop(server) {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), 2_000).unref();
}

function metricsText(app, counts) {
  const name = 'bookinfo_requests_total';
  const lines = [`# HELP ${name} Requests that the application answered.`, `# TYPE ${name} counter`];
  for (const [code, count] of [...counts].sort(([a], [b]) => a - b))
    lines.push(`${name}{app="${app}",version="${settings.version}",code="${code}"} ${count}`);
  return `${lines.join('\n')}\n`;
}

/** Answers with `body` as it is. */
export function send(response, status, body, contentType) {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** Answers with `body` as JSON. */
export function sendJson(response, status, body) {
  send(response, status, JSON.stringify(body), 'application/json');
}

/** Reads a request's body, at most 10 kB of it. */
export async function readBody(incoming) {
  let text = '';
  for await (const chunk of incoming) {
    text += chunk;
    if (text.length > 10_000) throw new Error('the request is too long');
  }
  return text;
}
