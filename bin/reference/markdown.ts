// Pieces of Markdown for the generated reference.

/** First line of each generated page. */
export const generatedNote = '<!-- Made by `npm run reference` from the code: change it there. -->';

/** A table; cells may hold any text. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [line(header), `|${header.map(() => '---').join('|')}|`, ...rows.map(line), ''].join('\n');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** A fenced block. */
export function codeBlock(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n`;
}

/** Paragraphs, tables and blocks with one empty line between them. */
export function page(...parts: readonly string[]): string {
  return `${[generatedNote, ...parts].map((part) => part.trimEnd()).join('\n\n')}\n`;
}
