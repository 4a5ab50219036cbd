// Takes secrets out of what a platform answers, before anything else sees it. What is cut is replaced by a word, so that shapes stay.

/** What stands where a secret was. */
export const scrubbed = '(scrubbed)';

/** Fields whose content is a secret in somebody's platform, whatever the field's own platform means by it. */
const secretName =
  /pass(wd|word|phrase)|secret|token|credential|api[-_]?key|private[-_]?key|access[-_]?key|authorization|cookie/i;
/** Parts of answers that no adapter reads and that hold programs' own secrets: environments, commands, templates, copies of what was applied. */
const unreadName =
  /^(env|environ|envFrom|args|command|cmd|entrypoint|templates|embeddedtmpl|config|vault|managedfields|payload_?b64)$/i;
const unreadAnnotation = /last-applied-configuration$/;

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, scrubbed],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+/g, scrubbed],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*:)[^\s@/]+@/gi, `$1${scrubbed}@`],
  [/\b(Bearer|Basic) +[\w.~+/=-]{8,}/g, `$1 ${scrubbed}`],
  [new RegExp(`\\b([\\w.-]*(?:${secretName.source})[\\w.-]*)[=:]\\s*[^\\s,;"]+`, 'gi'), `$1=${scrubbed}`],
];

/** `text` of an answer without secrets; `known` are tokens that are known to be some. JSON stays JSON. */
export function scrubText(text: string, known: readonly string[] = []): string {
  let cleaned = text;
  for (const secret of known) if (secret.length > 3) cleaned = cleaned.replaceAll(secret, scrubbed);
  let value: unknown;
  try {
    value = JSON.parse(cleaned);
  } catch {
    return scrubString(cleaned);
  }
  return JSON.stringify(scrubValue(value));
}

/** A value of JSON without secrets. */
export function scrubValue(value: unknown): unknown {
  if (typeof value === 'string') return scrubString(value);
  if (Array.isArray(value)) return value.map(scrubValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, content]) => [name, scrubField(name, content)]));
}

/** Names of service accounts and the like mention secrets too, but a flag or a number is none, and neither is nothing. */
function scrubField(name: string, content: unknown): unknown {
  if (content === null || typeof content === 'boolean' || typeof content === 'number' || content === '') return content;
  if (unreadAnnotation.test(name)) return scrubbed;
  if (unreadName.test(name)) return Array.isArray(content) ? [] : typeof content === 'string' ? scrubbed : {};
  if (secretName.test(name)) return Array.isArray(content) ? [] : typeof content === 'string' ? scrubbed : {};
  return scrubValue(content);
}

function scrubString(text: string): string {
  return patterns.reduce((cleaned, [pattern, replacement]) => cleaned.replace(pattern, replacement), text);
}
