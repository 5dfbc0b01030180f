/**
 * Tokens as running text. Where some begin with a space the tokens hold the spaces; where none does they are words.
 *
 * @param marked these stand in << >>
 */
export function windowText(tokens: readonly string[], marked?: readonly boolean[]): string {
  const between = tokens.some((token) => token.startsWith(' ')) ? '' : ' ';
  return tokens
    .map((token, i) => {
      if (!marked?.[i]) return token;
      const start = token.length - token.trimStart().length;
      return `${token.slice(0, start)}<<${token.slice(start)}>>`;
    })
    .join(between)
    .trim();
}
