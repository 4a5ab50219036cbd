// `periplus ca`: the CAs of the mesh, and replacing the key that signs, one safe step at a time.
import type { Command } from 'commander';
import type { CaStatus } from '../../services/citadel/ca/certificate-authority.ts';
import type { RotationDecision } from '../../services/citadel/ca/rotation.ts';
import type { FederationStatus } from '../../services/citadel/federation/federation.ts';
import {
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { actorOf } from '../io.ts';
import { json, table } from '../output.ts';

/** The command with its subcommands. */
export function caCommand(context: CliContext): Command {
  const command = newCommand('ca')
    .description('the CA of the mesh: how it is, and replacing its key')
    .addCommand(statusCommand(context))
    .addCommand(rotateCommand(context));
  return withExamples(command, [
    ['periplus ca status', 'CAs, the trust bundle, and who does not hold it yet'],
    ['periplus ca rotate', 'the next step towards a new key'],
  ]);
}

function statusCommand(context: CliContext): Command {
  const command = newCommand('status')
    .description('CAs, the trust bundle, and who does not hold it yet')
    .action(async (options: SharedOptions) => {
      const status = await clientOf(context, options).get<CaAnswer>('/api/v1/ca');
      context.io.out(options.output === 'json' ? json(status) : formatCaStatus(status));
    });
  return withExamples(withOutput(withServer(command)), [['periplus ca status -o json', '']]);
}

function rotateCommand(context: CliContext): Command {
  const command = newCommand('rotate')
    .description('take the next step: prepare, publish, activate, taint, revoke; exit code 1 when it has to wait')
    .action(async (options: SharedOptions) => {
      const decision = await clientOf(context, options).rotateCa(actorOf(context.io.env));
      if (!decision.ok) context.exitCode = 1;
      if (options.output === 'json') context.io.out(json(decision));
      else if (decision.ok) context.io.out(`done: ${decision.step}\n`);
      else context.io.err(formatRefusal(decision));
    });
  return withExamples(withOutput(withServer(command)), [['periplus ca rotate', '']]);
}

/** Answer of GET /ca. */
type CaAnswer = CaStatus & { readonly federations: readonly FederationStatus[] };

/** The bundle, the next step, the table of CAs, and below it the federations and who lags. */
export function formatCaStatus(status: CaAnswer): string {
  const { bundle, lagging, federations } = status;
  const rows = status.authorities.map(({ authority, origin, status: state, notAfter }) => [
    authority,
    state,
    origin,
    notAfter,
  ]);
  return [
    `trust domain  ${status.trustDomain}\n`,
    `keys          ${status.keyStore}\n`,
    bundle ? `trust bundle  ${bundle.sequence} (${bundle.hash.slice(0, 16)})\n` : '',
    `next step     ${status.next}\n\n`,
    table(['AUTHORITY', 'STATUS', 'ORIGIN', 'UNTIL'], rows),
    formatFederations(federations),
    lagging.length === 0
      ? ''
      : `\nwithout the newest trust bundle:\n${lagging.map((proxy) => `  ${proxy}\n`).join('')}`,
  ].join('');
}

function formatFederations(federations: readonly FederationStatus[]): string {
  if (federations.length === 0) return '';
  const rows = federations.map(({ trustDomain, source, roots, problem }) => [
    trustDomain,
    roots === 0 ? 'none yet' : `${roots} ${roots === 1 ? 'root' : 'roots'}`,
    source,
    problem ?? 'well',
  ]);
  return `\n${table(['FEDERATED WITH', 'TRUSTED', 'FROM', 'STATE'], rows)}`;
}

function formatRefusal(decision: Extract<RotationDecision, { readonly ok: false }>): string {
  const { step, reason, waitingFor } = decision;
  return `${step} has to wait: ${reason}\n${waitingFor.map((proxy) => `  ${proxy}\n`).join('')}`;
}
