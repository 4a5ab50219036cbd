// The part of CEL (github.com/google/cel-spec) that lowered conditions are made of: built here, checked and run by Envoy.

/** A CEL expression. */
export type Cel =
  | { readonly kind: 'const'; readonly value: string | number | boolean }
  | { readonly kind: 'ident'; readonly name: string }
  /** `operand.field`, or `has(operand.field)` where `test`; a field may be any text. */
  | { readonly kind: 'select'; readonly operand: Cel; readonly field: string; readonly test: boolean }
  | { readonly kind: 'call'; readonly name: string; readonly target?: Cel; readonly args: readonly Cel[] }
  | { readonly kind: 'list'; readonly items: readonly Cel[] };

/** A constant. Numbers are whole. */
export const celConst = (value: string | number | boolean): Cel => ({ kind: 'const', value });
/** `true`. */
export const celTrue = celConst(true);
/** `false`. */
export const celFalse = celConst(false);

/** `a.b.c` from its parts; an attribute of Envoy's (envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes). */
export function celPath(first: string, ...fields: readonly string[]): Cel {
  return fields.reduce<Cel>((operand, field) => ({ kind: 'select', operand, field, test: false }), {
    kind: 'ident',
    name: first,
  });
}

/** `has(path)`. */
export function celHas(path: Cel): Cel {
  return path.kind === 'select' ? { ...path, test: true } : celTrue;
}

/** A function by CEL's name for it: `_==_`, `startsWith`. Methods have a target. */
export function celCall(name: string, args: readonly Cel[], target?: Cel): Cel {
  return { kind: 'call', name, args, ...(target && { target }) };
}

/** `a && b`, simplified. */
export function celAnd(...parts: readonly Cel[]): Cel {
  return parts.reduce((a, b) => {
    if (isConst(a, false) || isConst(b, true)) return a;
    if (isConst(a, true) || isConst(b, false)) return b;
    return celCall('_&&_', [a, b]);
  }, celTrue);
}

/** `a || b`, simplified. */
export function celOr(...parts: readonly Cel[]): Cel {
  return parts.reduce((a, b) => {
    if (isConst(a, true) || isConst(b, false)) return a;
    if (isConst(a, false) || isConst(b, true)) return b;
    return celCall('_||_', [a, b]);
  }, celFalse);
}

/** `!a`, simplified. */
export function celNot(a: Cel): Cel {
  return a.kind === 'const' ? celConst(a.value !== true) : celCall('!_', [a]);
}

/** Whether it is this constant. */
export function isConst(cel: Cel, value: boolean): boolean {
  return cel.kind === 'const' && cel.value === value;
}

/** How many nodes it has. */
export function celSize(cel: Cel): number {
  switch (cel.kind) {
    case 'select':
      return 1 + celSize(cel.operand);
    case 'call':
      return [...cel.args, ...(cel.target ? [cel.target] : [])].reduce((sum, part) => sum + celSize(part), 1);
    case 'list':
      return cel.items.reduce((sum, item) => sum + celSize(item), 1);
    default:
      return 1;
  }
}

const infix = /^_(\S+)_$/;
/** As people write it. */
export function celText(cel: Cel): string {
  switch (cel.kind) {
    case 'const':
      return JSON.stringify(cel.value);
    case 'ident':
      return cel.name;
    case 'list':
      return `[${cel.items.map(celText).join(', ')}]`;
    case 'select': {
      const isName = /^[A-Za-z_]\w*$/.test(cel.field);
      const text = `${celText(cel.operand)}${isName ? `.${cel.field}` : `[${JSON.stringify(cel.field)}]`}`;
      return cel.test ? `has(${text})` : text;
    }
    case 'call': {
      const args = cel.args.map(celText);
      const operator = cel.name === '@in' ? 'in' : infix.exec(cel.name)?.[1];
      if (operator !== undefined) return `(${args.join(` ${operator} `)})`;
      if (cel.name === '!_') return `!${args.join('')}`;
      return `${cel.target ? `${celText(cel.target)}.` : ''}${cel.name}(${args.join(', ')})`;
    }
    default:
      return cel satisfies never;
  }
}
