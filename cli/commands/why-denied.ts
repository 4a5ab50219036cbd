// `periplus why-denied`: describes a request and tells which policy, rule and field would refuse it, or let it in.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import type { WhyDeniedAnswer } from '../../services/pilot/admin/routes-why-denied.ts';
import type { ListResponse, ProxyStatus } from '../../services/pilot/admin/schemas.ts';
import type { RuleReference } from '../../services/pilot/translate/security/evaluate.ts';
import type { RequestDescription } from '../../services/pilot/translate/security/evaluate-rule.ts';
import { explainToken, type TokenVerdict } from '../../services/pilot/translate/security/explain-token.ts';
import {
  atOf,
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withAt,
  withExamples,
  withNamespace,
  withOutput,
  withServer,
} from '../context.ts';
import { exitCodes } from '../failure.ts';
import { findProxy, qualified } from '../find-proxy.ts';
import { json } from '../output.ts';

interface WhyDeniedOptions extends SharedOptions {
  readonly port: string;
  readonly principal?: string;
  readonly ip: string;
  readonly remoteIp?: string;
  readonly sni?: string;
  readonly tcp?: boolean;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly header?: readonly string[];
  readonly claims?: string;
  readonly jwt?: string;
}

/** The command. Exit code 1 when the request is denied. */
export function whyDeniedCommand(context: CliContext): Command {
  const command = newCommand('why-denied')
    .description('which policy, rule and field refuses a request to a workload, or lets it in')
    .argument('<proxy>', 'the receiving proxy: NAME.NAMESPACE, NAME or node id')
    .requiredOption('--port <port>', 'port of the workload')
    .option('--principal <id>', 'who calls: TRUST DOMAIN/ns/NAMESPACE/sa/ACCOUNT; without it the call is plaintext')
    .option('--ip <address>', 'address the connection comes from', '0.0.0.0')
    .option('--remote-ip <address>', 'address of the client, as X-Forwarded-For tells')
    .option('--sni <name>', 'server name in TLS')
    .option('--tcp', 'a connection, not an HTTP request')
    .option('--method <method>', 'of the request', 'GET')
    .option('--path <path>', 'as the proxy normalises it', '/')
    .option('--host <host>', 'Host header', '')
    .option('--header <header...>', '"NAME: VALUE", as often as needed')
    .option('--claims <json>', "payload of the request's valid token")
    .option('--jwt <file>', 'the token itself, in a file or - for standard input: it is checked here and sent nowhere')
    .action(async (name: string, options: WhyDeniedOptions) => {
      const client = clientOf(context, options);
      const { items } = await client.get<ListResponse<ProxyStatus>>('/api/v1/proxies');
      const { id } = findProxy(items, qualified(name, options.namespace));
      const ask = async (request: RequestDescription) =>
        await client.get<WhyDeniedAnswer>(`/api/v1/proxies/${encodeURIComponent(id)}/why-denied`, {
          at: atOf(context, options),
          request: JSON.stringify(request),
        });
      const described = requestOf(options);
      const first = await ask(described);
      const token = options.jwt === undefined ? undefined : await tokenVerdict(context, options.jwt, first);
      const request =
        token?.ok && described.http ? { ...described, http: { ...described.http, claims: token.claims } } : described;
      const answer = request === described ? first : await ask(request);
      if (token && !token.ok && described.http) {
        const words = answer.verdict.by === 'CUSTOM' ? explain(answer, request) : explainRefusedToken(token, answer);
        context.io.out(options.output === 'json' ? json({ ...answer, token }) : words);
        context.exitCode = exitCodes.rejected;
        return;
      }
      context.io.out(options.output === 'json' ? json(answer) : explain(answer, request));
      if (!answer.verdict.allowed || isRefusedByPeer(answer, request)) context.exitCode = exitCodes.rejected;
    });
  return withExamples(withAt(withOutput(withNamespace(withServer(command)))), [
    ['periplus why-denied reviews-v1.default --port 9080 --path /reviews/1', 'a request in plaintext'],
    [
      'periplus why-denied reviews-v1.default --port 9080 --principal cluster.local/ns/default/sa/productpage --header "x-role: admin"',
      'over mutual TLS, with a header',
    ],
  ]);
}

function requestOf(options: WhyDeniedOptions): RequestDescription {
  const destinationPort = Number(options.port);
  if (!Number.isInteger(destinationPort)) throw new MeshError('usage', `--port: ${options.port} is not a port`);
  const headers: Record<string, string[]> = {};
  for (const header of options.header ?? []) {
    const colon = header.indexOf(':');
    if (colon < 1) throw new MeshError('usage', `--header: expected "NAME: VALUE", found ${JSON.stringify(header)}`);
    (headers[header.slice(0, colon).toLowerCase()] ??= []).push(header.slice(colon + 1).trim());
  }
  const { principal, method, host } = options;
  const path = options.path.split('?')[0] ?? '';
  return {
    sourceIp: options.ip,
    destinationPort,
    ...(principal ? { principal: principal.includes('://') ? principal : `spiffe://${principal}` } : {}),
    ...(options.remoteIp ? { remoteIp: options.remoteIp } : {}),
    ...(options.sni ? { sni: options.sni } : {}),
    ...(options.tcp ? {} : { http: { method, host, path, headers, ...claimsOf(options.claims) } }),
  };
}

function claimsOf(text: string | undefined): { readonly claims?: Readonly<Record<string, unknown>> } {
  if (text === undefined) return {};
  try {
    return { claims: JSON.parse(text) as Readonly<Record<string, unknown>> };
  } catch {
    throw new MeshError('usage', '--claims is not JSON');
  }
}

function isRefusedByPeer({ mutualTls }: WhyDeniedAnswer, { principal }: RequestDescription): boolean {
  return mutualTls === 'STRICT' && principal === undefined;
}

/** What the proxy would do with the token in `path`, by the rules that `answer` tells; nothing where there are none. */
async function tokenVerdict(
  { io }: CliContext,
  path: string,
  answer: WhyDeniedAnswer,
): Promise<TokenVerdict | undefined> {
  const text = path === '-' ? await io.readStdin() : await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) throw new MeshError('usage', `--jwt: ${path} can't be read`);
  if (answer.tokenRules.length === 0) return undefined;
  return explainToken(text.trim().replace(/^Bearer +/i, ''), answer.tokenRules, io.clock.nowMs());
}

function explainRefusedToken(
  { status, reason, rule }: Extract<TokenVerdict, { readonly ok: false }>,
  answer: WhyDeniedAnswer,
): string {
  const where = rule
    ? `RequestAuthentication/${rule.namespace}/${rule.policy} jwtRules[${rule.rule}]`
    : 'RequestAuthentication';
  return `${[...askedLines(answer), `denied (${status}) by ${where}: the token is refused: ${reason}`].join('\n')}\n`;
}

/** The verdict in words. */
export function explain(answer: WhyDeniedAnswer, request: RequestDescription): string {
  const { verdict } = answer;
  const lines: string[] = [];
  if (isRefusedByPeer(answer, request)) {
    lines.push(`denied: port ${request.destinationPort} takes mutual TLS only (PeerAuthentication STRICT)`);
  }
  if (verdict.by === 'CUSTOM' && verdict.decisive) {
    const [ask] = verdict.asks.filter(
      ({ policy, namespace }) => policy === verdict.decisive?.policy && namespace === verdict.decisive.namespace,
    );
    lines.push(
      `denied by CUSTOM ${place(verdict.decisive)}: the authorizer ${ask?.provider || '(none)'} can't be called: it is not configured, or its service is not visible`,
    );
    return `${[...lines, ...dryRunLines(answer)].join('\n')}\n`;
  }
  lines.push(...askedLines(answer));
  if (verdict.by === 'none') lines.push('allowed: no policy denies it, and no ALLOW policy applies to the workload');
  else if (verdict.decisive) {
    lines.push(`${verdict.allowed ? 'allowed' : 'denied'} by ${verdict.by} ${place(verdict.decisive)}`);
  } else {
    lines.push('denied: ALLOW policies apply to the workload, and none of their rules matches');
    for (const missed of verdict.missed) lines.push(`  ${place(missed, 'does not match')}`);
  }
  return `${[...lines, ...dryRunLines(answer)].join('\n')}\n`;
}

/** CUSTOM comes before everything, tokens too. */
function askedLines({ verdict }: WhyDeniedAnswer): readonly string[] {
  return verdict.asks.map((ask) => `asked first: authorizer ${ask.provider}, because of ${place(ask)}`);
}

function dryRunLines({ dryRuns }: WhyDeniedAnswer): readonly string[] {
  return dryRuns.map(({ action, verdict: { allowed, decisive } }) => {
    const what = `dry run of ${action}: it would be ${allowed ? 'allowed' : 'denied'}`;
    return decisive ? `${what} by ${place(decisive)}` : what;
  });
}

function place({ namespace, policy, rule, fields }: RuleReference, verb = 'matches'): string {
  const where = `AuthorizationPolicy/${namespace}/${policy} rules[${rule}]`;
  if (fields.length > 0) return `${where} (${verb}: ${fields.join(', ')})`;
  return `${where} (${verb === 'matches' ? 'matches everything' : 'the policy has no rules'})`;
}
