import { CODES } from '../../compiler/diagnostics/codes.ts';
import type { Diagnostic } from '../../compiler/diagnostics/diagnostic.ts';

/** Diagnostics as SARIF 2.1.0, which code hosts show beside the lines of a pull request. */
export function renderSarif(diagnostics: readonly Diagnostic[], version: string): string {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort();
  const location = (file: string, region: object) => ({
    physicalLocation: {
      artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/') },
      region,
    },
  });
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'plumb',
            version,
            rules: codes.map((id) => ({ id, shortDescription: { text: CODES[id] } })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map(({ code, severity, message, hint, file, line, column, end, related }) => ({
          ruleId: code,
          ruleIndex: codes.indexOf(code),
          level: severity,
          message: { text: hint ? `${message} ${hint}` : message },
          locations: [
            location(file, {
              startLine: line,
              startColumn: column,
              endLine: end.line,
              endColumn: end.column,
            }),
          ],
          ...(related && {
            relatedLocations: related.map((other) => ({
              ...location(other.file, { startLine: other.line, startColumn: other.column }),
              message: { text: other.message },
            })),
          }),
        })),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}
