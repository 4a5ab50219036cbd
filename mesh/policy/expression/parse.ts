// Expressions into trees: Go's operators and precedences, as in Mixer, within bounds of size and depth.
import { type Token, tokensOf } from './tokens.ts';
import { call, ExpressionError, literal, type Operator, type Tree } from './tree.ts';

/** Longest expression, in characters: Mixer's samples have 300 at most. */
export const maxExpressionLength = 8_192;
/** Deepest nesting. Evaluation recurses as deep. */
export const maxExpressionDepth = 64;

/** Go's precedences (go.dev/ref/spec#Operator_precedence): `a | b == c` is `(a | b) == c`. */
const binary: Readonly<Record<string, readonly [precedence: number, operator: Operator]>> = {
  '||': [1, 'OR'],
  '&&': [2, 'AND'],
  '==': [3, 'EQ'],
  '!=': [3, 'NEQ'],
  '<': [3, 'LT'],
  '<=': [3, 'LEQ'],
  '>': [3, 'GT'],
  '>=': [3, 'GEQ'],
  '+': [4, 'ADD'],
  '|': [4, 'DEFAULT'],
};

/** The tree of `text`. Throws ExpressionError. */
export function parseExpression(text: string): Tree {
  if (text.length > maxExpressionLength)
    throw new ExpressionError(0, `is longer than ${maxExpressionLength} characters`);
  const parser = new Parser(tokensOf(text));
  return parser.whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Tree {
    if (this.#peek().kind === 'end') throw new ExpressionError(0, 'is empty');
    const tree = this.#expression(1);
    const rest = this.#peek();
    if (rest.kind !== 'end') throw new ExpressionError(rest.at, `did not expect ${shown(rest)}`);
    return tree;
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '', at: 0 };
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #is(symbol: string): boolean {
    const { kind, text } = this.#peek();
    return kind === 'symbol' && text === symbol;
  }

  #expect(symbol: string): void {
    const token = this.#take();
    if (token.kind !== 'symbol' || token.text !== symbol)
      throw new ExpressionError(token.at, `expected ${symbol}, found ${shown(token)}`);
  }

  #expression(lowest: number): Tree {
    const { at } = this.#peek();
    if (++this.#depth > maxExpressionDepth)
      throw new ExpressionError(at, `is nested deeper than ${maxExpressionDepth}`);
    let left = this.#unary();
    // A long chain of one operator is a deep tree: it counts as nesting.
    let chain = 0;
    for (;;) {
      const { kind, text } = this.#peek();
      const [precedence, operator] = (kind === 'symbol' ? binary[text] : undefined) ?? [0, undefined];
      if (operator === undefined || precedence < lowest) break;
      if (++chain + this.#depth > maxExpressionDepth)
        throw new ExpressionError(this.#peek().at, `is nested deeper than ${maxExpressionDepth}`);
      this.#take();
      left = call(operator, [left, this.#expression(precedence + 1)], left.at);
    }
    this.#depth--;
    return left;
  }

  #unary(): Tree {
    const { at } = this.#peek();
    if (this.#is('!')) {
      this.#take();
      return this.#deeper(at, () => call('NOT', [this.#unary()], at));
    }
    if (this.#is('-')) {
      this.#take();
      const token = this.#take();
      if (token.kind !== 'int' && token.kind !== 'float') throw new ExpressionError(at, '- stands before numbers only');
      return numeric({ ...token, text: `-${token.text}` }, at);
    }
    return this.#postfix(this.#primary());
  }

  #deeper(at: number, parse: () => Tree): Tree {
    if (++this.#depth > maxExpressionDepth)
      throw new ExpressionError(at, `is nested deeper than ${maxExpressionDepth}`);
    const tree = parse();
    this.#depth--;
    return tree;
  }

  #primary(): Tree {
    const token = this.#take();
    if (token.kind === 'string') return literal('STRING', token.text, token.at);
    if (token.kind === 'int' || token.kind === 'float') return numeric(token, token.at);
    if (token.kind === 'name') return this.#named(token);
    if (token.kind === 'symbol' && token.text === '(') {
      const tree = this.#expression(1);
      this.#expect(')');
      return tree;
    }
    throw new ExpressionError(token.at, `expected an attribute, a literal or a function, found ${shown(token)}`);
  }

  /** An attribute's dotted name, a function, or a name whose last part is a method: `destination.service.startsWith(…)`. */
  #named(first: Token): Tree {
    // In any case, as in Mixer: `True`.
    const word = first.text.toLowerCase();
    if (word === 'true' || word === 'false') return literal('BOOL', word === 'true', first.at);
    const parts = [first.text];
    while (this.#is('.')) {
      this.#take();
      const part = this.#take();
      if (part.kind !== 'name') throw new ExpressionError(part.at, `expected a name after ".", found ${shown(part)}`);
      parts.push(part.text);
    }
    if (!this.#is('(')) return { kind: 'attribute', name: parts.join('.'), at: first.at };
    const method = parts.pop() ?? '';
    // Names in capitals are the operators', which are not called.
    if (method === method.toUpperCase())
      throw new ExpressionError(first.at, `unknown function ${JSON.stringify(method)}`);
    const args = this.#arguments();
    if (parts.length === 0) return call(method, args, first.at);
    return call(method, [{ kind: 'attribute', name: parts.join('.'), at: first.at }, ...args], first.at);
  }

  #postfix(start: Tree): Tree {
    let tree = start;
    for (;;) {
      const { at } = this.#peek();
      if (this.#is('[')) {
        this.#take();
        tree = call('INDEX', [tree, this.#expression(1)], tree.at);
        this.#expect(']');
      } else if (this.#is('.')) {
        this.#take();
        const method = this.#take();
        if (method.kind !== 'name')
          throw new ExpressionError(at, `expected a method after ".", found ${shown(method)}`);
        tree = call(method.text, [tree, ...this.#arguments()], tree.at);
      } else return tree;
    }
  }

  #arguments(): Tree[] {
    this.#expect('(');
    const args: Tree[] = [];
    while (!this.#is(')')) {
      args.push(this.#expression(1));
      if (!this.#is(',')) break;
      this.#take();
    }
    this.#expect(')');
    return args;
  }
}

function numeric({ kind, text }: Token, at: number): Tree {
  const value = Number(text);
  if (kind === 'int' && !Number.isSafeInteger(value)) throw new ExpressionError(at, 'this number is too large');
  return literal(kind === 'int' ? 'INT64' : 'DOUBLE', value, at);
}

function shown({ kind, text }: Token): string {
  return kind === 'end' ? 'the end' : JSON.stringify(text);
}
