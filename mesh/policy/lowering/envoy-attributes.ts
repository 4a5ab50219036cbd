// Which attributes Envoy itself has, exactly as Mixer would have them, and how CEL names them; the others keep a rule in Mixer.
import { type Cel, celAnd, celCall, celConst, celHas, celPath, celTrue } from './cel.ts';

/** Thrown within this folder alone: the rule stays in Mixer, for this reason. */
export class NotLowerable extends Error {}

/** A value in CEL, and when there is one. */
export interface CelValue {
  readonly present: Cel;
  readonly value: Cel;
}

const fromPath = (...path: [string, ...string[]]): CelValue => {
  const value = celPath(...path);
  return { present: celHas(value), value };
};
const always = (...path: [string, ...string[]]): CelValue => ({ present: celTrue, value: celPath(...path) });

/** An empty server name is none. */
const serverName: CelValue = (() => {
  const { present, value } = fromPath('connection', 'requested_server_name');
  return { present: celAnd(present, celCall('_!=_', [value, celConst('')])), value };
})();

/** By the request's content type. Connections never ask: theirs is known when they are placed. */
const protocol: CelValue = (() => {
  const { present, value } = fromPath('request', 'headers', 'content-type');
  const isGrpc = celAnd(present, celCall('startsWith', [celConst('application/grpc')], value));
  return { present: celTrue, value: celCall('_?_:_', [isGrpc, celConst('grpc'), celConst('http')]) };
})();

const attributes: ReadonlyMap<string, CelValue> = new Map([
  ['request.path', fromPath('request', 'path')],
  ['request.url_path', fromPath('request', 'url_path')],
  ['request.method', fromPath('request', 'method')],
  ['request.host', fromPath('request', 'host')],
  ['request.scheme', fromPath('request', 'scheme')],
  ['request.useragent', fromPath('request', 'headers', 'user-agent')],
  ['request.referer', fromPath('request', 'headers', 'referer')],
  ['connection.mtls', always('connection', 'mtls')],
  ['connection.requested_server_name', serverName],
  ['destination.port', always('destination', 'port')],
  ['context.protocol', protocol],
  ['api.protocol', protocol],
]);

/** The value of an attribute. Throws NotLowerable. */
export function attributeInCel(name: string): CelValue {
  if (name === 'request.auth.presenter') return claimInCel('azp');
  const known = attributes.get(name);
  if (known === undefined) throw new NotLowerable(`Envoy does not know ${name} as Mixer does`);
  return known;
}

/** Headers of which Envoy's CEL and its call to Mixer may have different texts. */
const differing: readonly string[] = ['cookie', 'set-cookie'];

/** A header: several of one name are joined by commas, as in Envoy's call to Mixer. */
export function headerInCel(name: string): CelValue {
  if (name !== name.toLowerCase()) return { present: celConst(false), value: celConst('') };
  if (name.startsWith(':') || differing.includes(name)) throw new NotLowerable(`the header ${name} is left to Mixer`);
  return fromPath('request', 'headers', name);
}

/** SPIFFE ID of the peer; Mixer's source.principal is what comes after `spiffe://`. */
export const peerUri = fromPath('connection', 'uri_san_peer_certificate');
/** What SPIFFE IDs begin with. */
export const spiffeScheme = 'spiffe://';

const tokenPath = ['metadata', 'filter_metadata', 'envoy.filters.http.jwt_authn', 'payload'] as const;

/** A claim of the request's token, where Pilot's filter keeps it. For Mixer a claim that is a number, a list or an object has no value. */
export function claimInCel(name: string): CelValue {
  const keeper = celPath('metadata', 'filter_metadata', 'envoy.filters.http.jwt_authn');
  const payload = celPath(...tokenPath);
  const value: Cel = { kind: 'select', operand: payload, field: name, test: false };
  const isText = celCall('_==_', [celCall('type', [value]), celCall('type', [celConst('')])]);
  // `has` of a field below one that is absent has no value at all: each is asked for.
  return { present: celAnd(celHas(keeper), celHas(payload), celHas(value), isText), value };
}

/** Whether a condition asks for claims of the request's token. */
export function readsToken(cel: Cel): boolean {
  switch (cel.kind) {
    case 'select':
      return cel.field === tokenPath[2] || readsToken(cel.operand);
    case 'call':
      return [...cel.args, ...(cel.target ? [cel.target] : [])].some(readsToken);
    case 'list':
      return cel.items.some(readsToken);
    default:
      return false;
  }
}
