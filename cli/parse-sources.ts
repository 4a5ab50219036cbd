// Reads and parses what `-f` names into configuration resources, with every problem at its file, line and column.

import { type ParsedConfig, type ParsedObject, parseFiles } from '../mesh/config/parse.ts';
import { hasErrors, type Problem } from '../mesh/config/problem.ts';
import { validateObjects } from '../mesh/config/validate.ts';
import { RejectedError } from './failure.ts';
import { readSources } from './files.ts';
import type { CliIo } from './io.ts';

/** What was read; `warnings` have been placed like errors. */
export interface ParsedSources {
  readonly resources: readonly ParsedConfig[];
  readonly warnings: readonly Problem[];
}

/**
 * Parses all sources as one input. Kubernetes' own objects beside resources are passed over with a warning, as samples of Istio's hold both.
 * Throws MeshError `invalid` with every problem when there is an error: nothing is applied then.
 */
export async function parseSources(
  paths: readonly string[],
  io: Pick<CliIo, 'readStdin'>,
  options: { readonly namespace: string | undefined },
): Promise<ParsedSources> {
  const sources = await readSources(paths, io);
  const files = sources.map(({ file, text }) => ({ file: file === '-' ? '<stdin>' : file, text }));
  const { objects, problems } = parseFiles(files, {
    foreignKinds: 'warn',
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
  });
  const resources = objects.filter((object) => object.type === 'config');
  const all = [
    ...problems,
    ...validateObjects(objects),
    ...objects
      .filter((object) => object.type === 'kubernetes')
      .map((object) => registryProblem(object, resources.length === 0 ? 'error' : 'warning')),
  ];
  if (hasErrors(all)) {
    const errors = all.filter((problem) => problem.severity === 'error');
    throw new RejectedError(
      'invalid',
      `${errors.length === 1 ? 'a problem' : `${errors.length} problems`} in what was given; nothing was changed`,
      errors,
    );
  }
  if (resources.length === 0) throw new RejectedError('invalid', `no resources in ${paths.join(', ')}`, all);
  return { resources, warnings: all };
}

function registryProblem(object: ParsedObject, severity: Problem['severity']): Problem {
  const path = [...object.base, 'kind'];
  return {
    severity,
    ...(object.source.file === undefined ? {} : { file: object.source.file }),
    ...object.source.locate(path),
    resource: `${object.kind}/${object.namespace}/${object.name}`,
    path: 'kind',
    message: `${severity === 'warning' ? 'passed over: ' : ''}a Kubernetes ${object.kind} belongs to the registry, not to configuration: put it into the folder that "periplus serve --config DIR" watches, or write a ServiceEntry`,
  };
}
