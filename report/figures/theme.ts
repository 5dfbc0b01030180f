/**
 * One look for every figure. Colours are Okabe and Ito's, which colour-blind readers can tell apart; the grey is dark enough
 * to be seen on white (3:1).
 */
export const colours = {
  tuned: '#0072B2',
  base: '#868686',
  control: '#868686',
  accent: '#D55E00',
  positive: '#009E73',
  negative: '#CC3311',
  text: '#1f2430',
  grid: '#e4e7ec',
} as const;

export const categorical = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#868686'];

const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

export const theme = {
  background: 'transparent',
  font,
  padding: 4,
  view: { stroke: null, continuousWidth: 420, continuousHeight: 240 },
  axis: {
    labelColor: colours.text,
    titleColor: colours.text,
    titleFontWeight: 500,
    titleFontSize: 12,
    labelFontSize: 11,
    gridColor: colours.grid,
    domainColor: '#9aa1ad',
    tickColor: '#9aa1ad',
    titlePadding: 8,
  },
  header: { labelColor: colours.text, titleColor: colours.text, labelFontSize: 12, labelFontWeight: 600 },
  legend: {
    labelColor: colours.text,
    titleColor: colours.text,
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: 500,
  },
  title: { color: colours.text, fontSize: 13, fontWeight: 600, anchor: 'start' },
  range: { category: categorical },
  point: { filled: true, size: 60 },
  rule: { strokeWidth: 1.6 },
  line: { strokeWidth: 2 },
};
